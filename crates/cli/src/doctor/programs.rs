//! Programs that the daemon or people use.

use std::path::PathBuf;
use std::process::Command;

use super::row::Row;

/// The program's path, by `PATH` and by where administrators' programs are.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// What people use: ssh and the aws CLI.
pub fn check() -> Vec<Row> {
    vec![ssh(), aws()]
}

fn ssh() -> Row {
    match find("ssh") {
        Some(path) => Row::ok("ssh", path.display().to_string()),
        None => Row::warn("ssh", "not found; cumulet ssh needs it", "sudo apt install openssh-client"),
    }
}

fn aws() -> Row {
    let mend = "python3 -m venv ~/.aws-cli && ~/.aws-cli/bin/pip install awscli, and put it into PATH";
    if find("aws").is_none() {
        let python =
            if find("python3").is_some() { "" } else { " (nor python3: sudo apt install python3-venv)" };
        return Row::warn("aws", format!("the aws CLI was not found{python}; it is optional"), mend);
    }
    let version = Command::new("aws").arg("--version").output().ok().filter(|output| output.status.success());
    let text =
        version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    match parse_version(&text) {
        Some(version) if takes_endpoint(version) => {
            Row::ok("aws", format!("aws CLI {}.{}", version.0, version.1))
        }
        Some((major, minor)) => Row::warn(
            "aws",
            format!("aws CLI {major}.{minor} does not know AWS_ENDPOINT_URL"),
            "give it --endpoint-url, or upgrade it to 1.32 or 2.13",
        ),
        None => Row::warn("aws", "the aws CLI is there but does not run", mend),
    }
}

/// `aws-cli/1.32.5 Python/…`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let version = text.strip_prefix("aws-cli/")?.split(['.', ' ']).take(2).map(|part| part.parse().ok());
    let parts: Option<Vec<u32>> = version.collect();
    match parts?.as_slice() {
        [major, minor] => Some((*major, *minor)),
        _ => None,
    }
}

/// Whether it takes AWS_ENDPOINT_URL (AWS SDKs and Tools guide, "Service-specific endpoints").
fn takes_endpoint((major, minor): (u32, u32)) -> bool {
    match major {
        1 => minor >= 32,
        2 => minor >= 13,
        _ => major > 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_that_take_an_endpoint_from_the_environment() {
        for (text, takes) in [
            ("aws-cli/1.31.9 Python/3.11", false),
            ("aws-cli/1.44.1 Python/3.11", true),
            ("aws-cli/2.12.0 Python/3.11", false),
            ("aws-cli/2.13.0 Python/3.11", true),
        ] {
            assert_eq!(parse_version(text).map(takes_endpoint), Some(takes), "{text}");
        }
        assert_eq!(parse_version("something else"), None);
    }
}
