//! The frame of the OpenAPI document; the paths come from the routes themselves.

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Cumulet",
        description = "A private cloud on one host: microVMs, images, networks and security groups with EC2's \
                       model. Over the unix socket its file's permissions are the access check, and no header is \
                       needed. Over TCP each request carries a bearer token. Every error has the form `ErrorReply` \
                       with EC2's code and status.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    security(("token" = [])),
    modifiers(&Token),
    tags(
        (name = "instances", description = "Launch machines and live with them"),
        (name = "guests", description = "Programs, files and connections in instances whose image has the agent"),
        (name = "images", description = "Root disks, kernels and ramdisks"),
        (name = "key pairs", description = "Keys for ssh"),
        (name = "security groups", description = "Who may talk to an instance"),
        (name = "network", description = "VPCs, subnets and interfaces"),
        (name = "volumes", description = "Disks"),
        (name = "tags", description = "Key-value pairs on any resource"),
        (name = "host", description = "The cloud itself"),
    )
)]
pub(crate) struct Document;

/// Names the token that TCP callers carry.
struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}
