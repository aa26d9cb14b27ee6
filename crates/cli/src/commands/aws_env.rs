//! `cumulet aws-env`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;
use crate::output::say;

/// Print what the aws CLI and the SDKs need, for the shell to take in.
///
/// All services are pointed here, so that no request with this cloud's key goes elsewhere. The aws CLI takes
/// AWS_ENDPOINT_URL from version 1.32 and 2.13 on; give older ones --endpoint-url.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  eval \"$(sudo cumulet aws-env)\"
  aws ec2 describe-instances")]
pub struct AwsEnv {}

impl AwsEnv {
    pub async fn run(self, context: &Context) -> Result<()> {
        let env = context.client.aws_env().await?;
        if context.printed_json(&env)? {
            return Ok(());
        }
        let lines = [
            ("AWS_ACCESS_KEY_ID", Some(&env.access_key_id)),
            ("AWS_SECRET_ACCESS_KEY", Some(&env.secret_access_key)),
            ("AWS_DEFAULT_REGION", Some(&env.region)),
            ("AWS_REGION", Some(&env.region)),
            ("AWS_ENDPOINT_URL", env.ec2_endpoint_url.as_ref()),
        ];
        for (name, value) in lines {
            if let Some(value) = value {
                say!("export {name}={}", quoted(value))?;
            }
        }
        // A session token of another cloud would go along with our key, and an endpoint of EC2 alone outranks ours.
        say!("unset AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL_EC2")?;
        if env.ec2_endpoint_url.is_none() {
            eprintln!("cumulet: the daemon does not listen for the EC2 API; start it with --ec2-listen");
        }
        Ok(())
    }
}

/// Quoted for a POSIX shell, where it needs to be.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:._-+=@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_reads_back_what_was_meant() {
        assert_eq!(quoted("http://127.0.0.1:8773"), "http://127.0.0.1:8773");
        for text in ["a b", "$(reboot)", "it's", "", "`x`", "a\nb"] {
            let command = format!("printf %s {}", quoted(text));
            let output = std::process::Command::new("sh").arg("-c").arg(command).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }
}
