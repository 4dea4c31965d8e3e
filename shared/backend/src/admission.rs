//! Who is let in: one way for the local gateway and for API Gateway's authorizer.

use crate::app::App;
use crate::operation::Operation;
use crate::permission::{Permission, Role};
use crate::ports::Caller;
use crate::problem::{Kind, Problem, Result};
use serde::{Deserialize, Serialize};

/// Who holds the token of an `Authorization` header; nobody without a valid one.
pub async fn identify(app: &App, authorization: Option<&str>) -> Result<Option<Caller>> {
    let token = authorization.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match token {
        Some(token) => Ok(app.slots.auth.authenticate(token, app.now()).await?),
        None => Ok(None),
    }
}

/// Refuses a caller who may not call the operation; an open one has none.
pub fn admit(operation: &Operation, caller: Option<Caller>) -> Result<Option<Caller>> {
    if operation.permission == Permission::Open {
        return Ok(None);
    }
    let Some(caller) = caller else {
        return Err(Problem::new(Kind::Unauthenticated, "there is no valid key in the request")
            .remedy("send `Authorization: Bearer ftl_…`"));
    };
    if !caller.role.grants(operation.permission) {
        let role = caller.role;
        return Err(Problem::new(Kind::Forbidden, format!("the role {role} may not do {}", operation.name))
            .remedy("ask an admin for a key with another role"));
    }
    Ok(Some(caller))
}

/// What API Gateway is told (the simple response of an HTTP API's authorizer, format 2.0). It may keep
/// it for other operations too: whether the role allows one is [`admit`]'s to say, at each.
#[derive(Debug, Serialize)]
pub struct Authorization {
    #[serde(rename = "isAuthorized")]
    is_authorized: bool,
    context: Option<AuthorizedCaller>,
}

/// A caller as API Gateway passes it on to the operations.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuthorizedCaller {
    workspace: String,
    subject: String,
    role: Role,
}

impl From<AuthorizedCaller> for Caller {
    fn from(AuthorizedCaller { workspace, subject, role }: AuthorizedCaller) -> Self {
        Self { workspace, subject, role }
    }
}

/// Tells API Gateway who is calling.
pub async fn authorize(app: &App, authorization: Option<&str>) -> Result<Authorization> {
    let caller = identify(app, authorization).await?;
    Ok(Authorization {
        is_authorized: caller.is_some(),
        context: caller.map(|Caller { workspace, subject, role }| AuthorizedCaller {
            workspace,
            subject,
            role,
        }),
    })
}
