-- Ten years of 350 airports, made up: 1,278,200 rows in the table as `load` makes it. A season, a mood of the
-- day that all airports share, and noise that is smaller the more flights stand behind a mean.
\set ON_ERROR_STOP on
SELECT setseed(0.5) \g /dev/null
BEGIN;
CREATE TEMPORARY TABLE airport ON COMMIT DROP AS
SELECT CASE WHEN n <= 10 THEN (ARRAY['ATL','ORD','DFW','DEN','LAX','PHX','IAH','LAS','JFK','EWR'])[n]
            ELSE chr(65 + n / 676 % 26) || chr(65 + n / 26 % 26) || chr(65 + n % 26) END AS origin,
       ceil(900 / n ^ 0.9)::int AS size, 6 + 8 * random() AS level
FROM generate_series(1, 350) n;
CREATE TEMPORARY TABLE day ON COMMIT DROP AS
SELECT d::date AS fl_date, 3 * cos((extract(doy FROM d) - 190) / 58) AS season,
       CASE WHEN random() < 0.02 THEN 25 * random() ELSE 4 * random() - 2 END AS mood
FROM generate_series('2009-01-01', '2018-12-31', interval '1 day') d;
CREATE TEMPORARY TABLE panel ON COMMIT DROP AS
SELECT origin, fl_date, size AS scheduled, expected, 22 / sqrt(size) + 4 AS width,
       expected + mood * (0.5 + random()) + (random() + random() + random() - 1.5) * (22 / sqrt(size) + 4)
         + CASE WHEN random() < 0.008 THEN 60 * random() ELSE 0 END AS mean,
       least(size, (size * CASE WHEN mood > 15 THEN 0.3 * random() ELSE 0.02 * random() END)::int) AS cancelled
FROM airport, day, LATERAL (SELECT level + season AS expected) e;
INSERT INTO agg_dep_delay_by_date
SELECT origin || to_char(fl_date, 'YYYYMMDD'), origin, fl_date,
       CASE WHEN flights > 0 THEN round(mean::numeric, 2) END, flights, scheduled, cancelled,
       (away > 5.5)::int, 0.4 + away / 40, (away > 5)::int, away, (away > 6 AND size_is_big)::int, away,
       (away > 4.6)::int, away, (away > 4.6)::int, away, expected, expected - 2.5 * width, expected + 2.5 * width,
       CASE WHEN away > 4.6 THEN format('mean %s min, expected %s to %s, %s flights', round(mean), round(expected - 2.5 * width), round(expected + 2.5 * width), flights) END,
       CASE WHEN away > 4.6 THEN 'mean' END, now()
FROM panel, LATERAL (SELECT scheduled - cancelled AS flights, abs(mean - expected) / width AS away, scheduled > 30 AS size_is_big) x
ORDER BY fl_date, origin;
COMMIT;
ANALYZE agg_dep_delay_by_date;
