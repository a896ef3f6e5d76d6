//! Clients always offer to take compressed answers. They get none.

use http_body_util::BodyExt;
use prost::Message;

use crate::connection::{request, whole};
use crate::frame::framed;
use crate::ground::{DATABASE, Ground};
use crate::message::{commit, name, proto, set};

#[tokio::test]
async fn no_answer_is_compressed() {
    let ground = Ground::new().await;
    let connection = ground.connect().await;
    // Nothing shrinks better than the same again.
    let fields: [_; 64] = std::array::from_fn(|n| (FIELDS[n % 8], 7));
    let writes = commit((0..64).map(|id| set(&format!("a/{id}"), fields)).collect());
    assert_eq!(connection.ask("Commit", &writes).await.code, 0);
    let get = proto::GetDocumentRequest { name: name("a/1"), ..Default::default() };
    let all = proto::BatchGetDocumentsRequest {
        database: DATABASE.to_owned(),
        documents: (0..64).map(|id| name(&format!("a/{id}"))).collect(),
        ..Default::default()
    };
    let calls = [("GetDocument", get.encode_to_vec()), ("BatchGetDocuments", all.encode_to_vec())];
    for (method, message) in calls {
        let call = request(method)
            .header("grpc-accept-encoding", "identity,deflate,gzip")
            .header("accept-encoding", "gzip")
            .body(whole(framed(&message)))
            .unwrap();
        let answer = connection.begin(call).await.unwrap();
        let encoding = answer.headers().get("grpc-encoding").map(|value| value.to_str().unwrap());
        assert!(matches!(encoding, None | Some("identity")), "{method}: {encoding:?}");
        assert_eq!(answer.headers().get("content-encoding"), None, "{method}");
        let body = answer.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["grpc-status"], "0", "{method}");
        assert_eq!(body.to_bytes()[0], 0, "{method}: the flag of a compressed message");
    }
}

const FIELDS: [&str; 8] = ["aaaa", "aaab", "aaac", "aaad", "aaae", "aaaf", "aaag", "aaah"];
