//! Application Default Credentials, by `gcloud-auth`.

use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{Clock, Error, ErrorKind, Result, async_trait};
use gcloud_auth::error::Error as AuthError;
use gcloud_auth::project::{Config, create_token_source_from_project, project};

use crate::auth::{Credentials, Token};

/// The credentials of the environment, in Google's order: the file named by
/// `GOOGLE_APPLICATION_CREDENTIALS` (service account, user, workload identity), the gcloud CLI's,
/// the metadata server.
///
/// A service account's key signs its tokens locally. Each token is fetched from a source made
/// anew, because `gcloud-auth`'s own cache would give the old one until ten seconds before its end;
/// a key that was exchanged on disk is picked up on the way.
#[derive(Debug)]
pub(crate) struct DefaultCredentials {
    clock: Arc<dyn Clock>,
}

impl DefaultCredentials {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

#[async_trait]
impl Credentials for DefaultCredentials {
    async fn token(&self) -> Result<Token> {
        let config = Config::default().with_audience(AUDIENCE).with_scopes(&SCOPES);
        let project = project().await.map_err(refuse)?;
        let source = create_token_source_from_project(&project, config).await.map_err(refuse)?;
        let token = source.token().await.map_err(refuse)?;
        // The source reckoned the expiry by the same clock a moment ago.
        let now = self.clock.wall().to_parts().0;
        let lifetime = token.expiry.map(|expiry| {
            Duration::from_secs(u64::try_from(expiry.unix_timestamp() - now).unwrap_or(0))
        });
        Ok(Token::bearer(&token.access_token, lifetime))
    }
}

/// Only what a network or a server did may be otherwise next time.
fn refuse(error: AuthError) -> Error {
    let kind = match &error {
        AuthError::HttpError(_) => ErrorKind::Unavailable,
        AuthError::UnexpectedImpersonateTokenResponse(status, _)
        | AuthError::TokenErrorResponse { status, .. }
            if *status == 429 || *status >= 500 =>
        {
            ErrorKind::Unavailable
        }
        _ => ErrorKind::Unauthenticated,
    };
    Error::new(kind, "application default credentials gave no access token").with_source(error)
}

const AUDIENCE: &str = "https://firestore.googleapis.com/";
const SCOPES: [&str; 2] =
    ["https://www.googleapis.com/auth/datastore", "https://www.googleapis.com/auth/cloud-platform"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failure_that_may_pass_is_worth_another_try() {
        let answered = |status| AuthError::TokenErrorResponse {
            status,
            error: "invalid_grant".to_owned(),
            error_description: "account disabled".to_owned(),
        };
        for (error, kind) in [
            (answered(503), ErrorKind::Unavailable),
            (answered(429), ErrorKind::Unavailable),
            (answered(400), ErrorKind::Unauthenticated),
            (
                AuthError::UnexpectedImpersonateTokenResponse(500, String::new()),
                ErrorKind::Unavailable,
            ),
            (AuthError::NoCredentialsFileFound, ErrorKind::Unauthenticated),
            (AuthError::NoPrivateKeyFound, ErrorKind::Unauthenticated),
        ] {
            let refused = refuse(error);
            assert_eq!(refused.kind(), kind, "{refused:?}");
        }
    }
}
