//! The directory: all sessions are looked through, those of Express among them.

use cloakroom::UserId;
use cloakroom::store::{Directory, Store};

use super::{express, now, text_with};
use crate::scratch::scratch;

#[tokio::test]
async fn sessions_of_express_are_found_and_revoked_by_their_user() {
    scratch(|scratch| async move {
        let express = express(&scratch, |layout| layout.user_at("passport.user"));
        let of = |user: &str| text_with(&format!(r#","passport":{{"user":{user}}}"#));
        let first = express.begun(&of("\"ada\"")).await;
        express.begun(&of("\"ada\"")).await;
        let other = express.begun(&of("7")).await;
        express.begun("no session").await;
        let (ada, seven) = (UserId::new("ada").unwrap(), UserId::new("7").unwrap());
        let directory = express.store.directory().unwrap();
        assert_eq!(directory.count(&ada, now()).await.unwrap(), 2);
        assert_eq!(directory.list(&seven, now()).await.unwrap().len(), 1);
        assert_eq!(directory.page(None, 10, now()).await.unwrap().len(), 3);
        let handle = express.found(&first, now()).await.unwrap().handle;
        assert!(directory.revoke(&ada, &handle, now()).await.unwrap());
        assert!(!directory.revoke(&ada, &handle, now()).await.unwrap());
        assert_eq!(express.text(&first).await, None);
        assert_eq!(directory.revoke_all(&ada, None, now()).await.unwrap(), 1);
        assert!(express.found(&other, now()).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn hundreds_of_sessions_are_on_one_page_each() {
    scratch(|scratch| async move {
        let express = express(&scratch, |layout| layout);
        for _ in 0..700 {
            express.begun(&text_with("")).await;
        }
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = express.store.page(after.as_ref(), 90, now()).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.handle.clone());
            all.extend(page.into_iter().map(|entry| entry.handle));
        }
        assert_eq!(all.len(), 700);
        assert!(all.is_sorted_by(|one, next| one < next));
    })
    .await;
}
