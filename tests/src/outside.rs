//! A server on the internet: a network namespace behind a link of the host's, with an address that the host routes there.

use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};

use crate::programs::{run, run_ok};
use crate::wait::eventually;

/// The page that the server gives.
pub const PAGE: &str = "the internet";
/// Where it serves.
const PORT: u16 = 8080;
/// Answers each connection with the page, after a header that names the client.
const SERVER: &str = "
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('X-Client', self.client_address[0])
        self.end_headers()
        self.wfile.write(sys.argv[2].encode())
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(('0.0.0.0', int(sys.argv[1])), Handler).serve_forever()
";

/// The server; it goes with its namespace when it is dropped.
pub struct Outside {
    namespace: String,
    link: String,
    address: Ipv4Addr,
    server: Child,
}

impl Outside {
    /// Starts a server beyond a link whose name begins with `tag`. Its addresses are of the ranges for documentation
    /// (RFC 5737).
    pub fn new(tag: &str) -> Self {
        let (namespace, link) = (format!("{tag}-outside"), format!("{tag}up"));
        let n = rand::random_range(1..64u8) * 4;
        let (host, neighbour) = (Ipv4Addr::new(192, 0, 2, n + 1), Ipv4Addr::new(192, 0, 2, n + 2));
        let address = Ipv4Addr::new(203, 0, 113, n);
        let ip = |arguments: &str| run_ok(Command::new("ip").args(arguments.split(' ')));
        ip(&format!("netns add {namespace}"));
        ip(&format!("link add {link} type veth peer name eth0 netns {namespace}"));
        ip(&format!("address add {host}/30 dev {link}"));
        ip(&format!("link set {link} up"));
        for line in [
            "link set lo up".to_owned(),
            format!("address add {address}/32 dev lo"),
            format!("address add {neighbour}/30 dev eth0"),
            "link set eth0 up".to_owned(),
            format!("route add default via {host}"),
        ] {
            ip(&format!("-n {namespace} {line}"));
        }
        ip(&format!("route add {address}/32 via {neighbour} dev {link}"));
        let server = Command::new("ip")
            .args(["netns", "exec", &namespace, "python3", "-c", SERVER, &PORT.to_string(), PAGE])
            .stdin(Stdio::null())
            .spawn()
            .expect("ip runs");
        let outside = Self { namespace, link, address, server };
        eventually("the internet serves", || {
            let fetched = run(Command::new("curl").args(["-s", "-m", "2", &outside.url()]));
            (fetched.out == PAGE).then_some(())
        });
        outside
    }

    /// Its page's address.
    pub fn url(&self) -> String {
        format!("http://{}:{PORT}/", self.address)
    }

    /// Whether a TCP port of an address answers the internet.
    pub fn reaches(&self, address: &str, port: u16) -> bool {
        let target = format!("telnet://{address}:{port}");
        let mut command = Command::new("ip");
        command.args([
            "netns",
            "exec",
            &self.namespace,
            "curl",
            "-s",
            "-m",
            "4",
            "--connect-timeout",
            "4",
            &target,
        ]);
        // What answers and says nothing further is cut off after the connection; what doesn't is never connected to.
        let done = run(command.args(["-o", "/dev/null", "-w", "%{time_connect}"]));
        done.out.trim().parse::<f64>().is_ok_and(|seconds| seconds > 0.0)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        run(Command::new("ip").args(["link", "delete", &self.link]));
        run(Command::new("ip").args(["netns", "delete", &self.namespace]));
    }
}
