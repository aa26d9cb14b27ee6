//! Reading what a client sent. It is a guest's and may be anything.
//!
//! Only the four options that an answer depends on reach the decoder, each with its proper length: the decoder's
//! treatment of the many others is not fit for hostile bytes (a wrong length of option 94 makes it panic).

use dhcproto::v4::{Message, OptionCode};
use dhcproto::{Decodable, Decoder};

/// The fixed part with the cookie that announces options (RFC 2131, section 3).
const FIXED: usize = 240;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
const PAD: u8 = 0;
const END: u8 = 255;
/// Options that are read, with the length that each must have (RFC 2132, RFC 4039).
const READ: [(OptionCode, u8); 4] = [
    (OptionCode::RequestedIpAddress, 4),
    (OptionCode::MessageType, 1),
    (OptionCode::ServerIdentifier, 4),
    (OptionCode::RapidCommit, 0),
];

/// The message in a datagram; `None` if it is malformed.
pub fn parse(bytes: &[u8]) -> Option<Message> {
    let (fixed, mut rest) = bytes.split_at_checked(FIXED)?;
    if !fixed.ends_with(&COOKIE) {
        return None;
    }
    let mut clean = fixed.to_vec();
    loop {
        match rest {
            [PAD, after @ ..] => rest = after,
            [] | [END, ..] => break,
            [code, length, after @ ..] => {
                let (value, after) = after.split_at_checked(usize::from(*length))?;
                if let Some((_, proper)) = READ.iter().find(|(known, _)| u8::from(*known) == *code) {
                    if proper != length {
                        return None;
                    }
                    clean.extend_from_slice(&[*code, *length]);
                    clean.extend_from_slice(value);
                }
                rest = after;
            }
            [_] => return None,
        }
    }
    clean.push(END);
    Message::decode(&mut Decoder::new(&clean)).ok()
}

#[cfg(test)]
mod tests {
    use dhcproto::Encodable;
    use dhcproto::v4::{DhcpOption, MessageType};
    use proptest::prelude::*;

    use super::*;

    fn discover() -> Vec<u8> {
        let mut message = Message::default();
        message.set_chaddr(&[2, 0, 0, 0, 0, 1]);
        message.opts_mut().insert(DhcpOption::MessageType(MessageType::Discover));
        message.to_vec().unwrap()
    }

    #[test]
    fn options_that_do_not_matter_are_passed_over_whatever_is_in_them() {
        let mut bytes = discover();
        assert_eq!(bytes.pop(), Some(END));
        bytes.extend_from_slice(&[94, 1, 7, END]);
        let message = parse(&bytes).unwrap();
        assert_eq!(message.opts().msg_type(), Some(MessageType::Discover));
        assert_eq!(message.opts().len(), 1);
    }

    #[test]
    fn cut_off_messages_and_wrong_lengths_are_refused() {
        let bytes = discover();
        assert!(parse(&bytes).is_some());
        assert!(parse(&bytes[..FIXED - 1]).is_none());
        assert!(parse(&bytes[..FIXED + 1]).is_none(), "a code without its length");
        let mut wrong = bytes[..FIXED].to_vec();
        wrong.extend_from_slice(&[53, 2, 1, 1, END]);
        assert!(parse(&wrong).is_none());
        let mut no_cookie = bytes;
        no_cookie[FIXED - 1] = 0;
        assert!(parse(&no_cookie).is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_upset_it(options in proptest::collection::vec(any::<u8>(), 0..400), hlen: u8) {
            let mut bytes = discover()[..FIXED].to_vec();
            bytes[2] = hlen;
            bytes.extend_from_slice(&options);
            parse(&bytes);
        }
    }
}
