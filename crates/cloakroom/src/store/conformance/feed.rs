//! The feed: whatever is confirmed is told, to whoever listens, before an echo that was sent after it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Mutex;
use std::task::Poll;

use super::runner::race;
use super::trial::{Answer, Fault, Session, Trial, Verdict, answer, expect, patch};
use crate::record::{Handle, StoreKey};
use crate::store::{Applied, Feed, Guard, Listener, Loaded, Name, News, Token};

cases! {
    a_session_that_begins_is_told_by_its_key,
    a_change_is_told,
    a_touch_is_told,
    an_end_is_told,
    a_rotation_is_told_of_both_keys,
    a_revocation_is_told,
    a_sweep_is_told,
    a_token_that_is_told_is_that_of_the_change,
    an_echo_comes_behind_all_that_was_confirmed,
    an_echo_reaches_its_own_listener,
    a_listener_that_looks_away_misses_nothing,
    what_is_told_can_be_read,
}

fn feed(t: &Trial) -> Verdict<&dyn Feed> {
    t.store.feed().ok_or(Fault::Skipped("the store has no feed"))
}

/// A listener, and how many marks it was sent.
struct Ear {
    id: u64,
    marks: u64,
    listener: Box<dyn Listener>,
}

impl Ear {
    async fn open(t: &Trial) -> Verdict<Ear> {
        let id = StoreKey::generate()?.digest().last_chunk().map_or(0, |last| u64::from_le_bytes(*last));
        let listener = answer("listen", feed(t)?.listen(id).await)?;
        Ok(Ear { id, marks: 0, listener })
    }

    /// All that is told until a mark that is sent now has come back.
    async fn hear(&mut self, t: &Trial) -> Verdict<Vec<News>> {
        self.marks += 1;
        answer("echo", feed(t)?.echo(self.id, self.marks).await)?;
        let mut heard = Vec::new();
        loop {
            match answer("next", self.listener.next().await)? {
                News::Echo(mark) if mark == self.marks => return Ok(heard),
                News::Echo(_) => return Err(Fault::expected("the own marks in their order", "another mark")),
                News::Gap => return Err(Fault::expected("news of a store that is well", "a gap")),
                news => heard.push(news),
            }
        }
    }
}

fn is_of(name: &Name, key: &StoreKey, handle: &Handle) -> bool {
    match name {
        Name::Key(digest) => digest == key.digest(),
        Name::Handle(each) => each == handle,
    }
}

/// What was told of a session. The suite may not be the only one that uses the store.
fn about<'a>(heard: &'a [News], session: &'a Session) -> impl Iterator<Item = &'a News> {
    heard.iter().filter(|news| match news {
        News::Gone(name) | News::Changed(name, _) => is_of(name, &session.key, &session.handle),
        News::Echo(_) | News::Gap => false,
    })
}

/// Takes the handle for that of a copy which is loaded now: where a write moves a session elsewhere, it gets another.
async fn copied(t: &Trial, session: &mut Session) -> Verdict {
    session.handle = t.found(&session.key, t.at(1)).await?.handle;
    Ok(())
}

/// A session that was written before, and where it is going to stay.
async fn settled(t: &Trial) -> Verdict<Session> {
    let mut session = t.full_session().await?;
    t.write(&mut session, patch().set("k", "0"), t.at(1)).await?;
    copied(t, &mut session).await?;
    Ok(session)
}

#[track_caller]
fn must_tell(heard: &[News], session: &Session, what: &str) -> Verdict {
    expect(about(heard, session).next().is_some(), format!("news of {what}"), "none before the echo")
}

async fn a_session_that_begins_is_told_by_its_key(t: Trial) -> Verdict {
    let mut ear = Ear::open(&t).await?;
    let session = t.full_session().await?;
    let heard = ear.hear(&t).await?;
    // Who knows that there is none under a key knows nothing else of it.
    let digest = *session.key.digest();
    let is_told = heard.iter().any(|news| matches!(news, News::Changed(Name::Key(each), _) if *each == digest));
    expect(is_told, "news of a session that begins, by its key", "none before the echo")
}

async fn a_change_is_told(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    let mut ear = Ear::open(&t).await?;
    let (ada, end) = (t.user("ada")?, t.at(5_000));
    let drafts = [
        patch().set("k", "1"),
        patch().unset("word"),
        patch().add("n", 2),
        patch().clear(),
        patch().user(&ada),
        patch().metadata("agent", None),
        patch().absolute_end(end),
    ];
    for (second, draft) in (1..).zip(drafts) {
        copied(&t, &mut session).await?;
        t.write(&mut session, draft, t.at(second)).await?;
        must_tell(&ear.hear(&t).await?, &session, &format!("change {second}"))?;
    }
    Ok(())
}

async fn a_touch_is_told(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    let mut ear = Ear::open(&t).await?;
    copied(&t, &mut session).await?;
    t.write(&mut session, patch().touch(t.at(9_000)), t.at(1)).await?;
    must_tell(&ear.hear(&t).await?, &session, "a touch")
}

async fn an_end_is_told(t: Trial) -> Verdict {
    let session = t.full_session().await?;
    let mut ear = Ear::open(&t).await?;
    t.destroy(&session.key, t.now).await?;
    must_tell(&ear.hear(&t).await?, &session, "an end")
}

async fn a_rotation_is_told_of_both_keys(t: Trial) -> Verdict {
    let mut session = settled(&t).await?;
    let before = session.clone();
    let mut ear = Ear::open(&t).await?;
    t.turn(&mut session, patch().set("k", "1"), t.at(2)).await?;
    let heard = ear.hear(&t).await?;
    must_tell(&heard, &before, "a rotation, of the old key")?;
    let digest = *session.key.digest();
    let is_told = heard.iter().any(|news| matches!(news, News::Changed(Name::Key(each), _) if *each == digest));
    expect(is_told, "news of a rotation, by the new key", "none before the echo")?;
    // Under the old key it is out of date, whatever the state is.
    let misleads = about(&heard, &before).any(|news| matches!(news, News::Changed(_, Some(_))));
    expect(!misleads, "no token in news of another key", "one")
}

async fn a_revocation_is_told(t: Trial) -> Verdict {
    let directory = super::directory::directory(&t)?;
    let ada = t.user("ada")?;
    let mut record = t.full_record()?;
    record.user = Some(ada.clone());
    let (one, two) = (t.session_of(record.clone()).await?, t.session_of(record).await?);
    let mut ear = Ear::open(&t).await?;
    answer("revoke", directory.revoke(&ada, &one.handle, t.now).await)?;
    must_tell(&ear.hear(&t).await?, &one, "a revocation")?;
    answer("revoke_all", directory.revoke_all(&ada, None, t.now).await)?;
    must_tell(&ear.hear(&t).await?, &two, "the revocation of all")
}

async fn a_sweep_is_told(t: Trial) -> Verdict {
    let mut record = t.record();
    record.idle_end = t.at(1);
    let session = t.session_of(record).await?;
    let mut ear = Ear::open(&t).await?;
    let mut swept = 0;
    while let count @ 1.. = t.sweep(1_000, t.at(2)).await? {
        swept += count;
    }
    if swept == 0 {
        return Err(Fault::Skipped("the store collects its garbage otherwise"));
    }
    must_tell(&ear.hear(&t).await?, &session, "a sweep")
}

async fn a_token_that_is_told_is_that_of_the_change(t: Trial) -> Verdict {
    let mut session = settled(&t).await?;
    let mut ear = Ear::open(&t).await?;
    for second in 2..=4 {
        t.write(&mut session, patch().add("n", 1), t.at(second)).await?;
        let heard = ear.hear(&t).await?;
        for token in about(&heard, &session).filter_map(token_of) {
            expect(*token == session.token, format!("the token {:?}", session.token), format!("{token:?}"))?;
        }
        t.write(&mut session, patch().touch(t.at(8_000 + second)), t.at(second)).await?;
        let heard = ear.hear(&t).await?;
        let is_told = about(&heard, &session).any(|news| token_of(news).is_some());
        expect(!is_told, "no token in news of a touch", "one")?;
    }
    Ok(())
}

fn token_of(news: &News) -> Option<&Token> {
    match news {
        News::Changed(_, token) => token.as_ref(),
        News::Gone(_) | News::Echo(_) | News::Gap => None,
    }
}

async fn an_echo_comes_behind_all_that_was_confirmed(t: Trial) -> Verdict {
    const ROUNDS: usize = 10;
    let mut ear = Ear::open(&t).await?;
    for _ in 0..ROUNDS {
        let begun = race(8, async |_| t.session().await)?;
        let heard = ear.hear(&t).await?;
        begun.iter().try_for_each(|session| must_tell(&heard, session, "each beginning"))?;
        race(8, async |racer| match begun.get(racer) {
            Some(session) => t.destroy(&session.key, t.at(1)).await,
            None => Ok(false),
        })?;
        let heard = ear.hear(&t).await?;
        begun.iter().try_for_each(|session| must_tell(&heard, session, "each end"))?;
    }
    Ok(())
}

async fn an_echo_reaches_its_own_listener(t: Trial) -> Verdict {
    let (mut one, mut two) = (Ear::open(&t).await?, Ear::open(&t).await?);
    // Else the first marks of both are the same.
    two.marks = 1_000;
    for _ in 0..3 {
        one.hear(&t).await?;
        two.hear(&t).await?;
    }
    Ok(())
}

async fn a_listener_that_looks_away_misses_nothing(t: Trial) -> Verdict {
    let mut session = settled(&t).await?;
    let mut ear = Ear::open(&t).await?;
    let mut heard = Vec::new();
    for second in 1..=20 {
        {
            let mut next = pin!(ear.listener.next());
            let first = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await;
            if let Poll::Ready(news) = first {
                heard.push(answer("next", news)?);
            }
        }
        t.write(&mut session, patch().set("k", "1"), t.at(second)).await?;
    }
    heard.extend(ear.hear(&t).await?);
    let count = about(&heard, &session).count();
    expect(count >= 20, "20 changes", count)
}

/// What a copy is made of that is loaded when the news are there must not be older than they are.
async fn what_is_told_can_be_read(t: Trial) -> Verdict {
    const WRITES: usize = 50;
    let session = settled(&t).await?;
    let ear = Mutex::new(Some(Ear::open(&t).await?));
    race(2, async |racer| {
        if racer == 0 {
            for _ in 0..WRITES {
                let written = t.apply(&session.key, &patch().add("n", 1), &Guard::Exists, t.at(1)).await?;
                expect(matches!(written, Applied::Done(_)), "Done", written.word())?;
            }
            return Ok(());
        }
        let taken = ear.lock().ok().and_then(|mut ear| ear.take());
        let Some(mut ear) = taken else { return Ok(()) };
        let mut told = 0;
        while told < WRITES {
            let heard = [answer("next", ear.listener.next().await)?];
            let Some(news) = about(&heard, &session).next() else { continue };
            told += 1;
            let Loaded::Found(found) = t.load(&session.key, t.at(1)).await? else {
                return Err(Fault::expected("Found", "nothing"));
            };
            let (version, there) = (token_of(news).and_then(Token::as_version), found.token.as_version());
            if let Some((version, there)) = version.zip(there) {
                expect(there >= version, format!("version {version}, which was told"), there)?;
            }
        }
        Ok(())
    })
    .map(drop)
}
