//! Clones of a session, other tasks, and unusual orders of calls, which must not come between each other.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]
mod support;
use axum::Extension;
use axum::body::Body;
use axum::routing::get;
use cloakroom::store::MemoryStore;
use cloakroom::testing::Browser;
use cloakroom::{Clock, OnGone, Session, SessionErrorKind as Kind, SessionLayer, Timestamp, cookie::KeyRing};
use http::{Request, StatusCode};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{HOUR, Result, Site, act, logged_in, routes, visitor};
use tokio::sync::{Barrier, Notify};

#[test]
fn what_computes_an_update_may_look_at_the_session() {
    let (tx, rx) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let site = Site::new(routes());
            let mut b = visitor(&site).await;
            act(&site, &mut b, |s| async move {
                let t = s.clone();
                s.update("n", move |n: Option<i64>| {
                    let _ = t.user();
                    n.unwrap_or(0) + 1
                })
                .await?;
                Ok(())
            })
            .await;
            tx.send(()).unwrap();
        })
    });
    rx.recv_timeout(Duration::from_secs(5)).expect("DEADLOCK: longer than the deadline of 2 s");
}

#[tokio::test]
async fn an_increment_on_top_of_an_insert_tells_its_number() {
    let site = Site::new(routes());
    let mut b = visitor(&site).await;
    let a = act(&site, &mut b, |s| async move {
        s.insert("n", 5)?;
        let r = s.increment("n", 1).await;
        assert_eq!(r.unwrap(), 6);
        Ok(())
    })
    .await;
    assert_eq!(a.status, 200);
}

#[tokio::test]
async fn an_increment_after_the_log_in_of_another_user_tells_its_number() {
    let site = Site::new(routes());
    let mut b = visitor(&site).await;
    site.get(&mut b, "/login/ada").await;
    act(&site, &mut b, |s| async move {
        s.log_in("bob")?;
        assert_eq!(s.increment("n", 1).await.unwrap(), 1);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_log_in_while_an_increment_is_under_way_rotates() {
    let site = Site::new(routes());
    let mut b = visitor(&site).await;
    let old = b.cookie("__Host-sid").unwrap().to_owned();
    let store = site.store.clone();
    act(&site, &mut b, move |s| async move {
        store.hangs.store(true, Ordering::SeqCst);
        let t = s.clone();
        let st = store.clone();
        let (n, l) = tokio::join!(s.increment("n", 1), async move {
            let r = t.log_in("ada");
            st.hangs.store(false, Ordering::SeqCst);
            st.release.notify_one();
            r
        });
        n?;
        l
    })
    .await;
    assert_ne!(b.cookie("__Host-sid").unwrap(), old, "logged in WITHOUT a new id");
}

#[tokio::test]
async fn a_log_out_while_the_session_is_being_created_ends_it() {
    let site = Site::new(routes());
    let mut b = Browser::new();
    let store = site.store.clone();
    act(&site, &mut b, move |s| async move {
        store.hangs.store(true, Ordering::SeqCst);
        s.log_in("ada")?;
        let t = s.clone();
        let st = store.clone();
        let (n, l) = tokio::join!(s.save(), async move {
            let r = t.log_out();
            st.hangs.store(false, Ordering::SeqCst);
            st.release.notify_one();
            r
        });
        n?;
        l
    })
    .await;
    assert_eq!(site.get(&mut b, "/whoami").await.body, "-", "log_out() said Ok, and ada is logged in");
}

#[tokio::test]
async fn what_comes_during_the_commit_is_kept_or_refused() {
    let site = Site::new(routes());
    let mut b = visitor(&site).await;
    let store = site.store.clone();
    let (tx, rx) = tokio::sync::oneshot::channel();
    let a = act(&site, &mut b, move |s| async move {
        s.insert("a", 1)?;
        store.hangs.store(true, Ordering::SeqCst);
        let st = store.clone();
        let t = s.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            tx.send(t.insert("late", 1)).unwrap();
            st.hangs.store(false, Ordering::SeqCst);
            st.release.notify_one();
        });
        Ok(())
    })
    .await;
    let said = rx.await.unwrap();
    let kept = site.get(&mut b, "/text/late").await;
    assert!(said.is_err() || kept.status != 200, "insert said Ok, the answer {}, and the key is lost", a.status);
}

#[tokio::test]
async fn a_session_that_another_task_is_creating_gets_its_ticket() {
    let site = Site::new(routes());
    let mut b = Browser::new();
    let store = site.store.clone();
    let a = act(&site, &mut b, move |s| async move {
        store.hangs.store(true, Ordering::SeqCst);
        let t = s.clone();
        tokio::spawn(async move { t.increment("n", 1).await });
        tokio::time::sleep(Duration::from_millis(20)).await;
        let st = store.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            st.hangs.store(false, Ordering::SeqCst);
            st.release.notify_one();
        });
        Ok(())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(a.sets_cookie() || site.store.memory.stats().sessions == 0, "stored, but nobody has its ticket");
}

#[tokio::test]
async fn two_rotations_of_one_request_leave_the_first_id_superseded() {
    let site = Site::new(routes());
    let mut b = visitor(&site).await;
    let mut late = b.clone();
    act(&site, &mut b, |s| async move {
        s.rotate().await?;
        s.log_in("ada")
    })
    .await;
    let a = site.get(&mut late, "/set/k/v").await;
    assert_eq!((a.status.as_u16(), a.sets_cookie()), (409, false), "the late request throws ada out");
}

#[tokio::test]
async fn the_size_limit_counts_numbers_too() {
    let site = Site::with(routes(), |b| b.size_limit(1000));
    let mut b = visitor(&site).await;
    let a = act(&site, &mut b, |s| async move {
        let mut added = 0;
        for n in 0..100 {
            if s.add(format!("{n:0100}"), 1).is_err() {
                break;
            }
            added += 1;
        }
        let mut inc = 0;
        for n in 0..100 {
            if s.increment(format!("i{n:0100}"), 1).await.is_err() {
                break;
            }
            inc += 1;
        }
        assert!(added < 20 && inc < 20, "add {added}, increment {inc}");
        Ok(())
    })
    .await;
    assert_eq!(a.status, 200);
}

#[tokio::test]
async fn after_a_cancelled_handler_the_session_is_closed() {
    let site = Site::new(routes());
    let mut b = visitor(&site).await;
    let kept: Arc<Mutex<Option<Session>>> = Arc::default();
    let k = kept.clone();
    let given_up = tokio::time::timeout(
        Duration::from_millis(50),
        act(&site, &mut b, move |s| async move {
            *k.lock().unwrap() = Some(s);
            std::future::pending().await
        }),
    )
    .await;
    assert!(given_up.is_err());
    let s = kept.lock().unwrap().take().unwrap();
    let i = s.insert("a", 1);
    let r = s.rotate().await;
    assert!(i.is_err() && r.is_err());
}

#[tokio::test]
async fn a_superseded_ticket_starts_nothing_after_a_log_in_that_was_taken_back() {
    let site = Site::new(routes());
    let mut b = visitor(&site).await;
    let mut late = b.clone();
    site.get(&mut b, "/login/ada").await;
    let a = act(&site, &mut late, |s| async move {
        s.log_in("bob")?;
        s.destroy()?;
        s.insert("x", 1)
    })
    .await;
    assert!(!a.sets_cookie());
}

#[tokio::test]
async fn a_superseded_ticket_takes_a_log_in_after_a_destroy() {
    let site = Site::new(routes());
    let mut b = visitor(&site).await;
    let mut late = b.clone();
    site.get(&mut b, "/login/ada").await;
    let a = act(&site, &mut late, |s| async move {
        s.destroy()?;
        s.log_in("bob")
    })
    .await;
    assert_eq!(a.status, 200, "logging in with a superseded ticket makes a new session");
}

#[tokio::test]
async fn a_test_browser_goes_by_the_clock_of_the_test() {
    let clock = Clock::manual(Timestamp::from_millis(1_000));
    let layer = SessionLayer::builder(MemoryStore::new(), KeyRing::generate().unwrap())
        .clock(clock.clone())
        .persistent(true)
        .build()
        .unwrap();
    let mut b = Browser::with_clock(clock);
    b.enter_session(&layer, |s| s.log_in("ada")).await.unwrap();
    assert!(b.cookie("__Host-sid").is_some(), "the browser dropped a fresh cookie");
}

#[tokio::test]
async fn two_log_outs_take_the_ticket_back() {
    let site = Site::new(routes());
    let mut b = visitor(&site).await;
    let a = act(&site, &mut b, |s| async move {
        s.log_out()?;
        s.save().await?;
        s.log_out()
    })
    .await;
    assert!(a.sets_cookie(), "no removal cookie");
}

#[tokio::test]
async fn revoking_the_others_counts_a_log_in_that_is_pending() {
    let site = Site::new(routes());
    let mut other = visitor(&site).await;
    site.get(&mut other, "/login/ada").await;
    let mut b = visitor(&site).await;
    act(&site, &mut b, |s| async move {
        s.log_in("ada")?;
        let n = s.revoke_others().await;
        eprintln!("{n:?}");
        Ok(())
    })
    .await;
    assert_eq!(site.get(&mut other, "/whoami").await.body, "-", "revoke_others() said Ok and ended nothing");
}

#[tokio::test]
async fn a_late_touch_brings_no_longer_idle_time_back() {
    let site = Site::new(routes());
    let mut b = Browser::new();
    let day = 24 * HOUR;
    act(&site, &mut b, move |s| async move {
        s.log_in("ada")?;
        s.remember(30 * day, 60 * day)
    })
    .await;
    site.wait(HOUR);
    let (tx, rx) = tokio::sync::oneshot::channel::<()>();
    let (tx2, rx2) = tokio::sync::oneshot::channel::<()>();
    let mut b1 = b.clone();
    let slow = act(&site, &mut b1, move |_s| async move {
        tx2.send(()).unwrap();
        rx.await.unwrap();
        Ok(())
    });
    let quick = async {
        rx2.await.unwrap();
        act(&site, &mut b, |s| async move { s.until_browser_closes() }).await;
        tx.send(()).unwrap();
    };
    tokio::join!(slow, quick);
    site.wait(2 * HOUR); // the idle timeout is one hour now
    assert_eq!(site.get(&mut b, "/whoami").await.body, "-", "it outlives its idle timeout");
}

#[tokio::test]
async fn a_lifetime_that_was_not_kept_is_not_answered_200() {
    let site = Site::new(routes());
    let mut b = visitor(&site).await;
    act(&site, &mut b, |s| async move { s.remember(HOUR, 2 * HOUR) }).await;
    let (mut leaving, app) = (b.clone(), site.app());
    let a = act(&site, &mut b, move |s| async move {
        leaving.send(app, http::Request::get("/logout").body(axum::body::Body::empty()).unwrap()).await.unwrap();
        s.remember(HOUR, 2 * HOUR)
    })
    .await;
    assert_eq!(a.status, 409);
}

#[tokio::test]
async fn a_log_out_while_the_session_is_being_rotated_ends_it() {
    let site = Site::new(routes());
    let mut b = visitor(&site).await;
    let store = site.store.clone();
    let a = act(&site, &mut b, move |s| async move {
        store.hangs.store(true, Ordering::SeqCst);
        let t = s.clone();
        let st = store.clone();
        let (_n, l) = tokio::join!(s.rotate(), async move {
            let r = t.log_out();
            st.hangs.store(false, Ordering::SeqCst);
            st.release.notify_one();
            r
        });
        l
    })
    .await;
    assert_eq!((a.status.as_u16(), site.store.memory.stats().sessions), (200, 0), "it lives on, and nobody can end it");
}

#[tokio::test]
async fn a_service_that_fails_closes_the_session() {
    use cloakroom::SessionService;
    use tower::{Layer, Service, service_fn};
    let store = Arc::new(MemoryStore::new());
    let layer = SessionLayer::new(store, KeyRing::generate().unwrap()).unwrap();
    let kept: Arc<Mutex<Option<Session>>> = Arc::default();
    let k = kept.clone();
    let mut svc: SessionService<_> = layer.layer(service_fn(move |r: http::Request<()>| {
        let k = k.clone();
        async move {
            let (parts, ()) = r.into_parts();
            *k.lock().unwrap() = Some(Session::from_parts(&parts).await.unwrap());
            Err::<http::Response<String>, &str>("handler failed")
        }
    }));
    svc.call(http::Request::new(())).await.unwrap_err();
    let s = kept.lock().unwrap().take().unwrap();
    assert_eq!(s.insert("a", 1).map_err(|e| e.kind()), Err(Kind::Closed), "Ok, and nobody will ever write it");
}

#[tokio::test]
async fn a_late_log_out_ends_the_session_though_it_has_a_new_id_for_long() {
    let site = Site::new(routes());
    let mut slow = logged_in(&site, "ada").await;
    let mut quick = slow.clone();
    let (app, clock, newest) = (site.app(), site.clock.clone(), Arc::new(Mutex::new(None)));
    let keep = newest.clone();
    let answer = act(&site, &mut slow, move |session| async move {
        quick.send(app, Request::get("/rotate").body(Body::empty()).unwrap()).await.unwrap();
        *keep.lock().unwrap() = Some(quick);
        clock.advance(Duration::from_secs(11));
        session.log_out()
    })
    .await;
    assert_eq!(answer.status, StatusCode::OK);
    let mut quick = newest.lock().unwrap().take().unwrap();
    assert_eq!(site.get(&mut quick, "/whoami").await.body, "-");
}

#[tokio::test]
async fn a_late_log_out_of_a_visitor_who_has_a_new_id_is_never_told_as_done() {
    for on_gone in [OnGone::Conflict, OnGone::KeepResponse] {
        let site = Site::with(routes(), |builder| builder.on_gone(on_gone));
        let mut slow = visitor(&site).await;
        let mut quick = slow.clone();
        let (app, newest) = (site.app(), Arc::new(Mutex::new(None)));
        let keep = newest.clone();
        let answer = act(&site, &mut slow, move |session| async move {
            let rotate = Request::get("/rotate").body(Body::empty()).unwrap();
            assert_eq!(quick.send(app, rotate).await.unwrap().status(), StatusCode::OK);
            *keep.lock().unwrap() = Some(quick);
            session.destroy()
        })
        .await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{on_gone:?}: the session lives on under its new id");
        assert!(!answer.sets_cookie());
        let mut quick = newest.lock().unwrap().take().unwrap();
        assert_eq!(site.get(&mut quick, "/read").await.body, "1");
    }
}

/// The session belongs to somebody else when the log-out looks for it, and to its user again, under a third id, a moment later.
#[tokio::test]
async fn a_log_out_between_two_log_ins_of_others_ends_the_session_of_its_user() {
    let site = Site::new(routes());
    let mut slow = logged_in(&site, "ada").await;
    let mut quick = slow.clone();
    let (loaded, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (loaded.clone(), go.clone());
    let log_out = act(&site, &mut slow, move |session| async move {
        tell.notify_one();
        wait.notified().await;
        session.log_out()
    });
    let others = async {
        loaded.notified().await;
        assert_eq!(site.get(&mut quick, "/login/bob").await.body, "in");
        site.store.calls();
        site.store.hangs.store(true, Ordering::SeqCst);
        go.notify_one();
        site.store.is_asked_for("destroy").await;
        site.store.release.notify_one();
        site.store.is_asked_for("load").await;
        site.store.hangs.store(false, Ordering::SeqCst);
        assert_eq!(site.get(&mut quick, "/login/ada").await.body, "in");
        site.store.release.notify_one();
    };
    let (answer, ()) = tokio::join!(log_out, others);
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(site.get(&mut quick, "/whoami").await.body, "-", "the log-out was told as done");
}

#[tokio::test]
async fn who_was_signed_out_signs_out_nobody() {
    let site = Site::new(routes());
    let (mut stolen, mut owner) = (logged_in(&site, "ada").await, logged_in(&site, "ada").await);
    let (layer, mut mine) = (site.layer.clone(), owner.clone());
    let answer = act(&site, &mut stolen, move |session| async move {
        let revoke = get(async |session: Session| session.revoke_others().await.map(|_| ()));
        let app = axum::Router::new().route("/", revoke).layer(layer);
        mine.send(app, Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(session.revoke_others().await.unwrap_err().kind(), Kind::Gone);
        Ok(())
    })
    .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(site.get(&mut owner, "/whoami").await.body, "ada");
}

#[tokio::test]
async fn a_task_that_a_cancelled_handler_left_writes_nothing_of_it() {
    async fn panics(session: Session, Extension(gate): Extension<Arc<Barrier>>) -> Result {
        session.insert("a", "lost")?;
        tokio::spawn(async move {
            gate.wait().await;
            session.increment("n", 1).await.unwrap();
            gate.wait().await;
        });
        panic!("on purpose")
    }
    let site = Site::new(routes().route("/panics", get(panics)));
    let (mut browser, gate) = (visitor(&site).await, Arc::new(Barrier::new(2)));
    let (app, mut leaving) = (site.app().layer(Extension(gate.clone())), browser.clone());
    let request = Request::get("/panics").body(Body::empty()).unwrap();
    tokio::spawn(async move { leaving.send(app, request).await }).await.unwrap_err();
    gate.wait().await;
    gate.wait().await;
    assert_eq!(site.get(&mut browser, "/read").await.body, "2");
    assert_eq!(site.get(&mut browser, "/text/a").await.body, "");
}

#[tokio::test]
async fn an_update_after_other_writes_of_its_request_loses_nothing_of_others() {
    for saves in [true, false] {
        let site = Site::new(routes());
        let mut browser = visitor(&site).await;
        let (app, mut other) = (site.app(), browser.clone());
        let answer = act(&site, &mut browser, move |session| async move {
            other.send(app, Request::get("/incr").body(Body::empty()).unwrap()).await.unwrap();
            if saves {
                session.insert("a", 1)?;
                session.save().await?;
            } else {
                session.increment("m", 1).await?;
            }
            assert_eq!(session.update("n", |n: Option<i64>| n.unwrap_or(0) + 1).await?, 3);
            assert_eq!(session.modify("n", |n: &mut i64| std::mem::replace(n, *n + 1)).await?, 3);
            Ok(())
        })
        .await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(site.get(&mut browser, "/read").await.body, "4");
    }
}
