//! Trying again: a lost connection, a server that restarts, a transaction that lost to another one.
//!
//! It is always the whole that is tried again, from the connection to the commit. As that changes
//! nothing where the year is in the table already, a lost answer to a commit is no exception.

use std::time::Duration;

use anyhow::Result;

use crate::advice::{Explained, Passes, explain};
use crate::connection;
use crate::rows::Input;
use crate::schema::Table;
use crate::settings::Settings;
use crate::upsert::{Changed, LostAtCommit, upsert};

/// Before each further attempt, in seconds. Two minutes together: in that time a server has restarted, or a standby
/// has taken over.
const PAUSES: [u64; 8] = [1, 2, 4, 8, 15, 30, 30, 30];

/// Makes the year's rows of the table equal to those of `input`, if need be in several attempts.
/// Returns the name of the table and its server for messages, too.
///
/// # Errors
/// That of the last attempt: one that does not pass by itself, or lasts longer than two minutes.
pub(crate) async fn load(
    settings: &Settings,
    table: &Table,
    input: &mut Input<'_>,
    year: i32,
    allow_shrink: bool,
) -> Result<(Changed, String)> {
    let (mut connected, mut perhaps_done) = (false, false);
    let mut before = 0;
    loop {
        let error = match attempt(settings, table, input, year, allow_shrink, &mut connected).await
        {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        perhaps_done |= error.is::<LostAtCommit>();
        let passes = error.downcast_ref::<Explained>().map(|e| e.passes);
        let most = match passes {
            Some(Passes::Always) => PAUSES.len(),
            Some(Passes::Lost | Passes::Unreachable) if connected => PAUSES.len(),
            // Before it has ever let us in, what hangs up or refuses may be no PostgreSQL, and what does not answer a
            // wrong host.
            Some(Passes::Lost) => 3,
            // A standby may be about to take over, if there has been another primary a moment ago.
            Some(Passes::ReadOnly) if before > 0 => PAUSES.len(),
            Some(Passes::Unreachable | Passes::ReadOnly | Passes::Never) | None => 0,
        };
        let Some(&pause) = PAUSES[..most].get(before) else {
            return Err(match perhaps_done && !error.is::<LostAtCommit>() {
                true => error.context(
                    "an earlier attempt got no answer to COMMIT and may have changed the year: run again, that is safe; \
                     then",
                ),
                false => error,
            });
        };
        before += 1;
        log::warn!("{error:#} (the next attempt is in {pause} s)");
        tokio::time::sleep(Duration::from_secs(pause)).await;
    }
}

async fn attempt(
    settings: &Settings,
    table: &Table,
    input: &mut Input<'_>,
    year: i32,
    allow_shrink: bool,
    connected: &mut bool,
) -> Result<(Changed, String)> {
    let (mut client, place) = connection::open(settings, year).await?;
    *connected = true;
    let place = format!("{table} in {place}");
    match upsert(&mut client, table, input, year, allow_shrink).await {
        Ok(changed) => Ok((changed, place)),
        Err(e) => Err(explain(e, &place)),
    }
}
