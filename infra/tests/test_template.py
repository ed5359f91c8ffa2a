"""What linters say of the template: nothing, but for what is set aside with a reason."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ground import FILE

PROGRAMS = Path(sys.executable).parent


def test_cfn_lint_is_content():
    done = subprocess.run([PROGRAMS / "cfn-lint", FILE], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


# Each with its reason in the template, under Metadata.
SET_ASIDE = {
    "CKV_AWS_18",
    "CKV_AWS_118",
    "CKV_AWS_149",
    "CKV_AWS_157",
    "CKV_AWS_161",
    "CKV_AWS_260",
}


def test_checkov_is_content():
    command = [PROGRAMS / "checkov", "--file", FILE, "--skip-download", "--output", "json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    report = json.loads(done.stdout)
    failed = [(check["check_id"], check["resource"]) for check in report["results"]["failed_checks"]]
    assert failed == []
    assert report["summary"]["passed"] > 50
    aside = {check["check_id"]: check["check_result"] for check in report["results"]["skipped_checks"]}
    assert aside.keys() == SET_ASIDE
    for check, result in aside.items():
        assert len(result["suppress_comment"]) > 20, check
        print(f"{check} is set aside: {result['suppress_comment']}")


@pytest.mark.parametrize("machine", ["BastionHost", "Nginx", "Airflow", "Superset"])
def test_shellcheck_is_content_with_the_user_data(written, machine, tmp_path):
    if not shutil.which("shellcheck"):
        pytest.skip("no shellcheck (Debian: apt-get install shellcheck)")
    script = tmp_path / "user-data.sh"
    # A variable of CloudFormation is one of the shell, by its spelling.
    script.write_text(written.user_data()[machine].replace("AWS::Region", "Region"))
    done = subprocess.run(["shellcheck", "--exclude=SC2154", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
