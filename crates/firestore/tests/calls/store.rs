//! Stores that talk to a scripted server.

use std::time::Duration;

use firekeep_core::{DocPath, Result, Write, async_trait, fields};
use firekeep_firestore::{Credentials, FirestoreStore, Token};

use crate::scripted::ScriptedServer;

/// The database's name.
pub(crate) const NAME: &str = "projects/p/databases/(default)";

/// Always the same token.
#[derive(Debug)]
pub(crate) struct Fixed(pub(crate) &'static str);

#[async_trait]
impl Credentials for Fixed {
    async fn token(&self) -> Result<Token> {
        Ok(Token::bearer(self.0, Some(Duration::from_secs(3600))))
    }
}

/// A store whose production is `server`.
pub(crate) fn store(server: &ScriptedServer) -> FirestoreStore {
    at(&server.address)
}

/// A store whose production is at `address`.
pub(crate) fn at(address: &str) -> FirestoreStore {
    let builder = FirestoreStore::builder("p").endpoint(format!("http://{address}"));
    builder.credentials(Fixed("token")).build().unwrap()
}

/// `c/d`
pub(crate) fn path() -> DocPath {
    DocPath::new("c/d").unwrap()
}

/// A small write.
pub(crate) fn put() -> Write {
    Write::replace(path(), fields! { "n" => 1 }).unwrap()
}
