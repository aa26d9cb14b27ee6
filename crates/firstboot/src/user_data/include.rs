//! Opening user data down to its parts, what it includes from elsewhere too.

use std::time::Duration;

use cumulet_cloud_init_config::{ContentType, Part, UserData, include};

use crate::context::Context;
use crate::error::{ActionError, chain};
use crate::http::{Request, Url};
use crate::instance::Instance;
use crate::report::Problem;

/// Includes in includes in includes.
const DEEPEST: usize = 4;
/// How many addresses are fetched in all.
const MOST_FETCHES: usize = 64;
/// The most bytes of one included file.
const MOST_BYTES: usize = 8 << 20;
/// How long one file may take.
const FETCH_TIME: Duration = Duration::from_secs(60);
const ATTEMPTS: u32 = 5;

/// All parts in the order in which cloud-init meets them.
pub(super) fn open(context: &mut Context, instance: &Instance, bytes: &[u8]) -> Vec<Part> {
    let mut opener = Opener { context, instance, parts: Vec::new(), fetches: 0 };
    opener.open(bytes, 0, "user data");
    opener.parts
}

struct Opener<'a> {
    context: &'a mut Context,
    instance: &'a Instance,
    parts: Vec<Part>,
    fetches: usize,
}

impl Opener<'_> {
    fn open(&mut self, bytes: &[u8], depth: usize, what: &str) {
        let data = match UserData::parse(bytes) {
            Ok(data) => data,
            Err(error) => return self.failed(what, chain(&error)),
        };
        self.context.warn(&data.problems);
        for part in data.parts {
            match part.content_type {
                ContentType::Include | ContentType::IncludeOnce => self.include(&part, depth),
                _ => self.parts.push(part),
            }
        }
    }

    fn include(&mut self, part: &Part, depth: usize) {
        let text = String::from_utf8_lossy(&part.body).into_owned();
        for (url, once) in include::urls(&text) {
            let what = format!("include {url}");
            if depth >= DEEPEST || self.fetches >= MOST_FETCHES {
                self.failed(&what, "too many includes, or too deep".to_owned());
                continue;
            }
            self.fetches += 1;
            match self.fetch(&url, once) {
                Ok(bytes) => self.open(&bytes, depth + 1, &what),
                Err(error) => self.failed(&what, chain(&error)),
            }
        }
    }

    /// What is included once is kept, because its address may be good for one use only.
    fn fetch(&mut self, url: &str, once: bool) -> Result<Vec<u8>, ActionError> {
        let kept = format!("{}/included/{:016x}", self.instance.folder(), fnv1a(url.as_bytes()));
        if once && let Ok(bytes) = std::fs::read(self.context.system.path(&kept)) {
            return Ok(bytes);
        }
        self.context.log.say(&format!("fetching {url}"));
        let bytes = if url.starts_with("https://") { self.fetch_by_curl(url)? } else { fetch_plain(url)? };
        if once {
            self.context.system.write(&kept, &bytes, 0o600)?;
        }
        Ok(bytes)
    }

    /// TLS is left to a program that the image may have.
    fn fetch_by_curl(&self, url: &str) -> Result<Vec<u8>, ActionError> {
        let limit = MOST_BYTES.to_string();
        let seconds = FETCH_TIME.as_secs().to_string();
        let arguments = [
            "-fsSL",
            "--proto",
            "=https",
            "--retry",
            "5",
            "--max-time",
            &seconds,
            "--max-filesize",
            &limit,
            "--",
            url,
        ];
        self.context.system.run("curl", &arguments).map(String::into_bytes)
    }

    fn failed(&mut self, what: &str, why: String) {
        self.context.log.say(&format!("FAILED: {what}: {why}"));
        self.context.report.failed.push(Problem { what: what.to_owned(), why });
    }
}

fn fetch_plain(url: &str) -> Result<Vec<u8>, ActionError> {
    let refused = |text: String| ActionError::Refused(text);
    let target = Url::parse(url).map_err(|error| refused(chain(&error)))?;
    let request =
        Request { method: "GET", url: &target, headers: &[], limit: MOST_BYTES, timeout: FETCH_TIME };
    for attempt in 1.. {
        match request.send() {
            Ok(response) if response.status == 200 => return Ok(response.body),
            Ok(response) if response.status < 500 || attempt >= ATTEMPTS => {
                return Err(refused(format!("the answer has status {}", response.status)));
            }
            Err(error) if attempt >= ATTEMPTS => return Err(refused(chain(&error))),
            Ok(_) | Err(_) => std::thread::sleep(Duration::from_millis(300) * attempt),
        }
    }
    Err(refused("no attempt was made".to_owned()))
}

/// A name for an address, the same at every boot.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
