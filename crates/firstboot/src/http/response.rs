//! An answer, taken apart: status, header, body by length, by chunks or up to the end.

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, out of its chunks.
    pub body: Vec<u8>,
}

impl Response {
    /// A header field; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

/// Whether everything that the header promises is there, so that the end of the connection needn't be awaited.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    let Ok((headers, body)) = split(bytes).map(|(_, headers, body)| (headers, body)) else { return false };
    match header(&headers, "content-length").and_then(|text| text.parse::<usize>().ok()) {
        Some(length) => body.len() >= length,
        None => is_chunked(&headers) && dechunk(body).is_ok(),
    }
}

pub(super) fn parse(bytes: &[u8]) -> Result<Response, &'static str> {
    let (status, headers, body) = split(bytes)?;
    let body = if is_chunked(&headers) {
        dechunk(body)?
    } else if let Some(text) = header(&headers, "content-length") {
        let length: usize = text.parse().map_err(|_| "its Content-Length is not a number")?;
        body.get(..length).ok_or("it is cut short")?.to_vec()
    } else {
        body.to_vec()
    };
    Ok(Response { status, headers, body })
}

type Split<'a> = (u16, Vec<(String, String)>, &'a [u8]);

fn split(bytes: &[u8]) -> Result<Split<'_>, &'static str> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").ok_or("its header has no end")?;
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "its header is not text")?;
    let mut lines = head.split("\r\n");
    let mut status = lines.next().unwrap_or_default().split(' ');
    if !status.next().unwrap_or_default().starts_with("HTTP/1.") {
        return Err("it has no status line");
    }
    let status = status.next().and_then(|code| code.parse().ok()).ok_or("it has no status code")?;
    let fields = lines.filter_map(|line| line.split_once(':'));
    let headers = fields.map(|(n, v)| (n.trim().to_ascii_lowercase(), v.trim().to_owned())).collect();
    Ok((status, headers, &bytes[end + 4..]))
}

fn is_chunked(headers: &[(String, String)]) -> bool {
    header(headers, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
}

fn dechunk(mut rest: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n").ok_or("a chunk has no size")?;
        let line = std::str::from_utf8(&rest[..end]).map_err(|_| "a chunk's size is not text")?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16).map_err(|_| "a chunk's size is not a number")?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Ok(body);
        }
        let after = size.checked_add(2).ok_or("a chunk is too large")?;
        body.extend_from_slice(rest.get(..size).ok_or("a chunk is cut short")?);
        rest = rest.get(after..).ok_or("a chunk is cut short")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_by_length_by_chunks_or_to_the_end() {
        let by_length = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhixx";
        assert_eq!(parse(by_length).unwrap().body, b"hi");
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n1\r\n!\r\n0\r\n\r\n";
        assert!(is_complete(chunked) && !is_complete(&chunked[..60]));
        assert_eq!(parse(chunked).unwrap().body, b"hi!");
        assert_eq!(parse(b"HTTP/1.0 404 Not Found\r\n\r\nno").unwrap().body, b"no");
    }

    #[test]
    fn what_is_cut_or_wrong_is_refused() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhi",
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
