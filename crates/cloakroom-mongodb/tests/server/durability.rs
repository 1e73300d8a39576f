//! What the server is asked to confirm.

use std::sync::{Arc, Mutex};

use cloakroom::record::Value;
use cloakroom::store::{Guard, Store};
use cloakroom_mongodb::MongoStore;
use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::options::ClientOptions;

use crate::scratch::{at, key, patch, random_name, record, uri};

/// The write concerns that the store sends, with more options in the connection string.
async fn concerns(options: &str) -> Vec<(String, Document)> {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let real = uri();
    let joint = if real.contains('?') { "&" } else { "/?" };
    let mut parsed = ClientOptions::parse(format!("{real}{joint}{options}")).await.unwrap();
    let into = sent.clone();
    parsed.command_event_handler = Some(EventHandler::callback(move |event| {
        if let CommandEvent::Started(event) = event
            && let Ok(concern) = event.command.get_document("writeConcern")
        {
            into.lock().unwrap().push((event.command_name, concern.clone()));
        }
    }));
    let database = Client::with_options(parsed).unwrap().database(&random_name());
    let store = MongoStore::new(database.clone()).with_collection("sessions");
    let (one, two) = (key(), key());
    store.ensure_indexes().await.unwrap();
    sent.lock().unwrap().clear();
    store.create(&one, &record(), at(0)).await.unwrap();
    let set = patch(|patch| patch.set("a", Value::from(1)));
    store.apply(&one, &set, &Guard::Exists, at(0)).await.unwrap();
    store.rotate(&one, &two, &set, &Guard::Exists, at(0)).await.unwrap();
    store.destroy(&two, at(0)).await.unwrap();
    store.create(&one, &record(), at(0)).await.unwrap();
    store.sweep(10, at(5_000)).await.unwrap();
    let concerns = std::mem::take(&mut *sent.lock().unwrap());
    database.drop().await.unwrap();
    concerns
}

#[tokio::test]
async fn every_write_waits_for_the_majority_and_its_journal_unless_less_is_asked_for() {
    for (options, expected) in [
        ("retryWrites=true", doc! { "w": "majority", "j": true }),
        ("w=1", doc! { "w": 1_i32, "j": true }),
        ("w=1&journal=false", doc! { "w": 1_i32, "j": false }),
        ("journal=false", doc! { "w": "majority", "j": false }),
    ] {
        let concerns = concerns(options).await;
        let names: Vec<&str> = concerns.iter().map(|(name, _)| name.as_str()).collect();
        let writes = ["insert", "findAndModify", "findAndModify", "findAndModify", "insert", "delete"];
        assert_eq!(names, writes, "{options}");
        for (name, concern) in &concerns {
            assert_eq!(*concern, expected, "{name} with {options}");
        }
    }
}
