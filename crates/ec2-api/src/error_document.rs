//! Errors as XML, in the form of the service that the client means to speak to.

use cumulet_model::CloudError;

use crate::http::Service;
use crate::xml::{Xml, render};

/// The document of an error.
pub fn error_document(service: Service, error: &CloudError, request_id: &str) -> String {
    let plain = Xml::new().text("Code", error.code).text("Message", &error.message);
    match service {
        Service::Ec2 => {
            let errors = Xml::new().node("Error", plain);
            let body = Xml::new().node("Errors", errors).text("RequestID", request_id);
            render("Response", None, &body)
        }
        Service::Sts => {
            let side = if error.code.http_status() < 500 { "Sender" } else { "Receiver" };
            let typed = Xml::new().text("Type", side).and(plain);
            let body = Xml::new().node("Error", typed).text("RequestId", request_id);
            render("ErrorResponse", Some(Service::Sts.namespace()), &body)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cumulet_model::ErrorCode;

    #[test]
    fn an_error_reads_as_ec2_writes_it() {
        let error =
            CloudError::new(ErrorCode::InvalidInstanceIdNotFound, "The instance ID 'i-<1>' does not exist");
        assert_eq!(
            error_document(Service::Ec2, &error, "r"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n<Response><Errors><Error>\
             <Code>InvalidInstanceID.NotFound</Code>\
             <Message>The instance ID &apos;i-&lt;1&gt;&apos; does not exist</Message>\
             </Error></Errors><RequestID>r</RequestID></Response>"
        );
        let sts = error_document(Service::Sts, &error, "r");
        assert!(sts.contains(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender"
        ));
    }
}
