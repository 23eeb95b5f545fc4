//! By script, and under a receiver that loses requests and answers, crashes, silences and alerts that come and go.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::notify::NotifyFile;

fn receiver(more: &str) -> Receiver {
    let text = format!("receivers: [{{name: ops, webhook: 'http://127.0.0.1:9/', {more}}}]");
    NotifyFile::parse(&text).unwrap().receivers.remove(0)
}

fn name(rule: &str, number: usize) -> AlertName {
    let labels = [("alertname", rule), ("account", "shop"), ("severity", "bad"), ("n", &number.to_string())];
    AlertName {
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        starts_at: "2026-01-01T00:00:00Z".to_owned(),
    }
}

fn firing(names: &[&AlertName]) -> Firing {
    Firing { alerts: names.iter().map(|name| ((*name).clone(), Texts::new())).collect(), all: true }
}

/// Nothing is quiet.
fn look(now_ms: u64, firing: &Firing) -> Look<'_> {
    Look { now_ms, firing, is_quiet: &|_| false }
}

/// What is told at this second, as `+1 -2`, and taken.
fn tell(book: &mut Book, second: u64, to: &Receiver, firing: &Firing) -> String {
    tell_but(book, second, to, firing, &|_| false)
}

fn tell_but(
    book: &mut Book,
    second: u64,
    to: &Receiver,
    firing: &Firing,
    is_quiet: &dyn Fn(&AlertName) -> bool,
) -> String {
    let mut said = Vec::new();
    let look = Look { now_ms: second * 1_000, firing, is_quiet };
    while let Some(due) = book.due(to, look) {
        let sign = |one: &Entry| if one.ends_at.is_none() { "+" } else { "-" };
        let words = due.entries.iter().map(|one| format!("{}{}", sign(one), one.name.labels["n"]));
        said.push(words.collect::<Vec<_>>().join(" "));
        book.taken(second * 1_000);
    }
    said.join(" | ")
}

#[test]
fn news_waits_for_other_news_of_its_group_and_what_fires_is_repeated() {
    let (to, mut book) = (receiver("wait: 2s, interval: 30s, repeat: 1h"), Book::default());
    let (a, b, c) = (name("slow", 1), name("slow", 2), name("other", 3));
    assert_eq!(tell(&mut book, 0, &to, &firing(&[&a])), "");
    assert_eq!(tell(&mut book, 1, &to, &firing(&[&a, &b])), "");
    assert_eq!(tell(&mut book, 2, &to, &firing(&[&a, &b, &c])), "+1 +2");
    assert_eq!(tell(&mut book, 4, &to, &firing(&[&a, &b, &c])), "+3", "another group");
    assert_eq!(tell(&mut book, 10, &to, &firing(&[&a, &c])), "");
    assert_eq!(tell(&mut book, 31, &to, &firing(&[&a, &c])), "");
    assert_eq!(tell(&mut book, 32, &to, &firing(&[&a, &c])), "-2", "half a minute after the last");
    assert_eq!(tell(&mut book, 3_601, &to, &firing(&[&a, &c])), "");
    assert_eq!(tell(&mut book, 3_602, &to, &firing(&[&a, &c])), "+1");
    assert_eq!(tell(&mut book, 3_604, &to, &firing(&[&a, &c])), "+3");
    assert_eq!((book.told(), book.count().taken), (2, 5));
}

#[test]
fn a_group_resolves_with_its_last_alert() {
    let (to, mut book) = (receiver("wait: 0s, interval: 0s"), Book::default());
    let (a, b) = (name("slow", 1), name("slow", 2));
    let status = |book: &mut Book, second: u64, firing: &Firing| {
        let body = book.due(&to, look(second * 1_000, firing)).unwrap().body.clone();
        book.taken(second * 1_000);
        (body["status"].as_str().unwrap().to_owned(), body["groupKey"].as_str().unwrap().to_owned())
    };
    let key = r#"ops:{account="shop", alertname="slow", severity="bad"}"#.to_owned();
    assert_eq!(status(&mut book, 0, &firing(&[&a, &b])), ("firing".to_owned(), key.clone()));
    assert_eq!(status(&mut book, 1, &firing(&[&b])), ("firing".to_owned(), key.clone()));
    assert_eq!(status(&mut book, 2, &firing(&[])), ("resolved".to_owned(), key));
}

#[test]
fn what_is_not_taken_is_the_same_again_and_then_made_anew() {
    let (to, mut book) = (receiver("wait: 0s"), Book::default());
    let some = firing(&[&name("slow", 1)]);
    let first = book.due(&to, look(0, &some)).unwrap().clone();
    book.failed(0);
    assert_eq!(book.due(&to, look(999, &some)), None);
    let (mut at, mut waits) = (0, Vec::new());
    while let Some(wait) = (0..=60).find(|wait| book.due(&to, look(at + wait * 1_000, &some)).is_some()) {
        at += wait * 1_000;
        if book.under_way.as_ref() != Some(&first) {
            break;
        }
        waits.push(wait);
        book.failed(at);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    let second = book.under_way.clone().unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!((book.count().given_up, book.told()), (1, 1), "the first may have been taken");
    // It is over before anything was taken for sure: that is told all the same.
    book.taken(at);
    assert_eq!(tell(&mut book, at / 1_000 + 30, &to, &firing(&[])), "-1");
}

#[test]
fn what_is_quiet_is_not_told_but_its_end_is() {
    let (to, mut book) = (receiver("wait: 0s, interval: 0s, repeat: 1m"), Book::default());
    let (a, b) = (name("slow", 1), name("slow", 2));
    let both = firing(&[&a, &b]);
    assert_eq!(tell_but(&mut book, 0, &to, &both, &|one| *one == b), "+1");
    assert_eq!(tell_but(&mut book, 120, &to, &both, &|_| true), "", "no repeat either");
    assert_eq!(tell_but(&mut book, 121, &to, &firing(&[&b]), &|_| true), "-1");
    assert_eq!(tell_but(&mut book, 122, &to, &firing(&[&b]), &|_| false), "+2");
}

#[test]
fn only_what_a_receiver_asks_for_is_told() {
    let to = receiver("wait: 0s, resolved: false, where: [{dim: n, op: in, values: ['1', '2']}]");
    let mut book = Book::default();
    assert_eq!(tell(&mut book, 0, &to, &firing(&[&name("slow", 1), &name("slow", 3)])), "+1");
    assert_eq!(tell(&mut book, 60, &to, &firing(&[])), "");
    assert_eq!(book.told(), 0);
}

#[test]
fn what_is_out_of_sight_is_not_over() {
    let (to, mut book) = (receiver("wait: 0s, interval: 0s"), Book::default());
    tell(&mut book, 0, &to, &firing(&[&name("slow", 1)]));
    let unseen = Firing { all: false, ..firing(&[]) };
    assert_eq!(tell(&mut book, 60, &to, &unseen), "");
    assert_eq!(tell(&mut book, 61, &to, &firing(&[])), "-1");
}

#[test]
fn a_clock_that_was_set_back_holds_nothing_up() {
    let (to, mut book) = (receiver("wait: 2s, interval: 30s"), Book::default());
    let (a, b) = (name("slow", 1), name("slow", 2));
    tell(&mut book, 100_000, &to, &firing(&[&a]));
    assert_eq!(tell(&mut book, 100_002, &to, &firing(&[&a])), "+1");
    assert_eq!(tell(&mut book, 100_003, &to, &firing(&[&a, &b])), "");
    assert_eq!(tell(&mut book, 50, &to, &firing(&[&a, &b])), "", "the interval begins anew");
    assert_eq!(tell(&mut book, 80, &to, &firing(&[&a, &b])), "+2");
    let none = firing(&[]);
    assert!(book.due(&to, look(110_000, &none)).is_none());
    assert!(book.due(&to, look(112_000, &none)).is_some());
    book.failed(112_000);
    assert!(book.due(&to, look(60_000, &none)).is_none());
    assert!(book.due(&to, look(120_000, &none)).is_some(), "a minute later at the latest");
}

#[test]
fn many_alerts_are_several_notifications_and_all_are_repeated() {
    let (to, mut book) = (receiver("wait: 0s, interval: 30s, repeat: 1h"), Book::default());
    let many: Vec<AlertName> = (0..250).map(|number| name("slow", number)).collect();
    for at in [0, 3_600, 7_200] {
        let said = tell(&mut book, at, &to, &firing(&many.iter().collect::<Vec<_>>()));
        let sizes: Vec<usize> = said.split(" | ").map(|one| one.split(' ').count()).collect();
        assert_eq!(sizes, [100, 100, 50], "at {at}");
    }
    assert_eq!(tell(&mut book, 7_201, &to, &firing(&many.iter().collect::<Vec<_>>())), "");
}

/// A receiver as the documentation asks for one: it drops what it has seen.
#[derive(Default)]
struct World {
    book: Book,
    saved: Value,
    firing: Firing,
    over: BTreeSet<AlertName>,
    quiet: BTreeSet<AlertName>,
    seen: BTreeMap<String, Value>,
    believes: BTreeSet<AlertName>,
    now_ms: u64,
    next: usize,
}

#[derive(Clone, Debug)]
enum Step {
    Fires,
    Over(usize),
    Quiet(usize),
    Loud,
    Seen(bool),
    Wait(u64),
    Tell(Way),
    Crash,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
enum Way {
    Taken,
    Lost,
    AnswerLost,
    /// The sender dies before the answer, which is good.
    Crash,
}

impl World {
    fn step(&mut self, to: &Receiver, step: &Step) {
        match *step {
            Step::Fires => {
                self.firing.alerts.insert(name("slow", self.next), Texts::new());
                self.next += 1;
            }
            Step::Over(at) => {
                if let Some(name) = self.pick(at) {
                    self.firing.alerts.remove(&name);
                    self.over.insert(name);
                }
            }
            Step::Quiet(at) => self.quiet.extend(self.pick(at)),
            Step::Loud => self.quiet.clear(),
            Step::Seen(all) => self.firing.all = all,
            Step::Wait(ms) => self.now_ms += ms,
            Step::Tell(way) => self.tell(to, way),
            Step::Crash => self.crash(),
        }
    }

    fn pick(&self, at: usize) -> Option<AlertName> {
        self.firing.alerts.keys().nth(at % self.firing.alerts.len().max(1)).cloned()
    }

    fn crash(&mut self) {
        self.book = serde_json::from_value(self.saved.clone()).unwrap_or_default();
    }

    fn tell(&mut self, to: &Receiver, way: Way) {
        let (quiet, mut firing) = (self.quiet.clone(), self.firing.clone());
        if !firing.all {
            firing.alerts.clear(); // out of sight
        }
        let look = Look { now_ms: self.now_ms, firing: &firing, is_quiet: &|name| quiet.contains(name) };
        let due = self.book.due(to, look).cloned();
        let Some(due) = due else { return };
        self.saved = serde_json::to_value(&self.book).unwrap();
        if !matches!(way, Way::Lost) {
            self.receive(&due);
        }
        match way {
            Way::Taken => self.book.taken(self.now_ms),
            Way::Lost | Way::AnswerLost => self.book.failed(self.now_ms),
            Way::Crash => return self.crash(),
        }
        self.saved = serde_json::to_value(&self.book).unwrap();
    }

    fn receive(&mut self, notification: &Notification) {
        let before = self.seen.insert(notification.id.clone(), notification.body.clone());
        if let Some(before) = before {
            assert_eq!(before, notification.body, "one id, one content");
            return;
        }
        for one in &notification.entries {
            if one.ends_at.is_some() {
                assert!(self.over.contains(&one.name), "a false resolve");
                self.believes.remove(&one.name);
            } else {
                self.believes.insert(one.name.clone());
            }
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let way = prop_oneof![
        5 => Just(Way::Taken),
        2 => Just(Way::Lost),
        2 => Just(Way::AnswerLost),
        1 => Just(Way::Crash)
    ];
    let step = prop_oneof![
        4 => Just(Step::Fires),
        3 => any::<usize>().prop_map(Step::Over),
        1 => any::<usize>().prop_map(Step::Quiet),
        1 => Just(Step::Loud),
        1 => any::<bool>().prop_map(Step::Seen),
        4 => prop_oneof![Just(1_000_u64), Just(40_000), Just(400_000)].prop_map(Step::Wait),
        8 => way.prop_map(Step::Tell),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 0..80)
}

proptest! {
    /// Nothing missed, no false resolve, whatever is lost; in the end the receiver knows what fires and is not quiet.
    #[test]
    fn a_receiver_that_drops_repeats_knows_what_fires(steps in steps()) {
        let to = receiver("wait: 2s, interval: 30s, repeat: 5m");
        let mut world = World { firing: firing(&[]), ..World::default() };
        for step in &steps {
            world.step(&to, step);
        }
        world.firing.all = true;
        for _ in 0..40 {
            world.now_ms += 31_000;
            world.tell(&to, Way::Taken);
        }
        let loud: BTreeSet<_> =
            world.firing.alerts.keys().filter(|name| !world.quiet.contains(*name)).cloned().collect();
        prop_assert!(loud.is_subset(&world.believes), "missed");
        let firing: BTreeSet<_> = world.firing.alerts.keys().cloned().collect();
        prop_assert!(world.believes.is_subset(&firing), "an end was missed");
    }
}
