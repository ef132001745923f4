//! Writers, and what they know of every backend: the state that was acknowledged, and the one that may be there too
//! because the answer never came.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::requests::{BACKENDS, SECRET, ask, create};
use super::trail::{Done, Ledger};
use crate::service::Service;

const WRITERS: usize = 3;
/// A writer with so many backends deletes one instead of creating another.
const MOST: usize = 12;

/// Random numbers for moments and choices (xorshift).
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new() -> Self {
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is after 1970")
            .as_nanos();
        Self(u64::try_from(nanos & u128::from(u64::MAX)).unwrap_or(1) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }
}

/// What a client sees of a backend: its name and the user name of its config.
type Seen = (String, String);

/// The states that a backend may be in.
#[derive(Debug, Clone, Default)]
struct Known {
    /// `None` is gone.
    acknowledged: Option<Seen>,
    /// What was asked for last, where no answer came.
    pending: Option<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    To(Seen),
    Gone,
}

impl Change {
    fn gives(&self, found: Option<&Seen>) -> bool {
        match self {
            Self::To(seen) => found == Some(seen),
            Self::Gone => found.is_none(),
        }
    }
}

/// What one writer knows, by id; and the names that it tried to create without an answer.
#[derive(Debug, Default)]
struct Own {
    backends: BTreeMap<String, Known>,
    unanswered: Vec<Seen>,
    made: u64,
    /// What is known to be done since the last check.
    done: Done,
}

/// What all writers know.
#[derive(Debug, Default)]
pub(super) struct Model {
    writers: Vec<Own>,
    ledger: Ledger,
}

impl Model {
    /// Compares with what the service has, and takes over what it was unsure of.
    pub(super) fn check(&mut self, service: &Service, round: u32) {
        let list = service.ask("GET", BACKENDS, "").json();
        assert!(
            list["unreadable"].as_array().is_none_or(Vec::is_empty),
            "round {round}: {list}"
        );
        let listed = list["data"].as_array().expect("a list");
        let mut there: BTreeMap<String, Seen> =
            listed.iter().map(|row| (text(&row["id"]), seen(row))).collect();
        for (writer, own) in self.writers.iter_mut().enumerate() {
            own.backends.retain(|id, known| {
                let found = there.remove(id);
                let pending = known.pending.as_ref();
                let is_known =
                    found == known.acknowledged || pending.is_some_and(|p| p.gives(found.as_ref()));
                assert!(
                    is_known,
                    "round {round}, writer {writer}: {id} is {found:?}, and should be {known:?}"
                );
                // What was asked for without an answer was done where it shows.
                if found != known.acknowledged {
                    let action = match found {
                        Some(_) => "backend.update",
                        None => "backend.delete",
                    };
                    own.done.add(id, action);
                }
                *known = Known {
                    acknowledged: found,
                    pending: None,
                };
                known.acknowledged.is_some()
            });
            for tried in own.unanswered.drain(..) {
                let found = there
                    .iter()
                    .find(|(_, seen)| **seen == tried)
                    .map(|(id, _)| id.clone());
                if let Some(id) = found {
                    there.remove(&id);
                    own.done.add(&id, "backend.create");
                    own.backends.insert(
                        id,
                        Known {
                            acknowledged: Some(tried),
                            pending: None,
                        },
                    );
                }
            }
        }
        assert!(there.is_empty(), "round {round}: nobody asked for {there:?}");
        let done = self.writers.iter_mut().map(|own| &mut own.done);
        self.ledger.check(service, done, round);
        // The row's secret is opened for that.
        for id in self.writers.iter().flat_map(|own| own.backends.keys()) {
            let got = service.ask("GET", &format!("{BACKENDS}/{id}"), "");
            assert_eq!(got.status, 200, "round {round}: {}", got.body);
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn seen(row: &Value) -> Seen {
    (text(&row["name"]), text(&row["config"]["username"]))
}

/// Writers at work.
pub(super) struct Load {
    ended: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Own>>,
    /// One message for each acknowledged write.
    acknowledged: Receiver<()>,
    ledger: Ledger,
}

impl Load {
    /// Starts the writers, and returns after their first acknowledged write.
    pub(super) fn start(address: SocketAddr, mut model: Model) -> Self {
        model.writers.resize_with(WRITERS, Own::default);
        let ended = Arc::new(AtomicBool::new(false));
        let (sender, acknowledged) = mpsc::channel();
        let writers = model.writers.into_iter().enumerate().map(|(number, own)| {
            let (ended, sender) = (Arc::clone(&ended), sender.clone());
            thread::spawn(move || {
                Writer {
                    address,
                    number,
                    own,
                    random: Random::new(),
                }
                .work(&ended, &sender)
            })
        });
        let writers = writers.collect();
        acknowledged
            .recv_timeout(Duration::from_mins(1))
            .expect("a write is acknowledged");
        Self {
            ended,
            writers,
            acknowledged,
            ledger: model.ledger,
        }
    }

    /// Ends the writers; adds the writes that were acknowledged.
    pub(super) fn end(self, writes: u64) -> (Model, u64) {
        self.ended.store(true, Ordering::Relaxed);
        let known = self.writers.into_iter();
        let model = Model {
            writers: known
                .map(|writer| writer.join().expect("a writer does not fail"))
                .collect(),
            ledger: self.ledger,
        };
        // The first was received at the start.
        (
            model,
            writes + 1 + self.acknowledged.iter().map(|()| 1).sum::<u64>(),
        )
    }
}

struct Writer {
    address: SocketAddr,
    number: usize,
    own: Own,
    random: Random,
}

impl Writer {
    /// Writes until `ended` is set or an answer does not come; reports each acknowledged write.
    fn work(mut self, ended: &AtomicBool, acknowledged: &Sender<()>) -> Own {
        while !ended.load(Ordering::Relaxed) {
            let done = match self.random.next() % 4 {
                0 | 1 if self.own.backends.len() < MOST => self.create(),
                2 => self.delete(),
                _ => self.change(),
            };
            if done.is_none() || acknowledged.send(()).is_err() {
                break;
            }
        }
        self.own
    }

    fn create(&mut self) -> Option<()> {
        self.own.made += 1;
        let name = format!("w{}-{}-{:x}", self.number, self.own.made, self.random.next());
        self.own.unanswered.push((name.clone(), name.clone()));
        let (status, body) = create(self.address, &name)?;
        assert_eq!(status, 201, "{body}");
        let seen = self.own.unanswered.pop();
        let known = Known {
            acknowledged: seen,
            pending: None,
        };
        let id = text(&body["data"]["id"]);
        self.own.done.add(&id, "backend.create");
        self.own.backends.insert(id, known);
        Some(())
    }

    fn pick(&mut self) -> Option<String> {
        let at = usize::try_from(self.random.next() % 64).unwrap_or(0);
        let count = self.own.backends.len().max(1);
        self.own.backends.keys().nth(at % count).cloned()
    }

    fn change(&mut self) -> Option<()> {
        let Some(id) = self.pick() else {
            return self.create();
        };
        let user = format!("u{:x}", self.random.next());
        let known = self.own.backends.get_mut(&id)?;
        let name = known.acknowledged.clone()?.0;
        let new = (name, user.clone());
        known.pending = Some(Change::To(new.clone()));
        let body = json!({"config": {"username": user, "password": SECRET}});
        let (status, body) = ask(self.address, "PATCH", &format!("{BACKENDS}/{id}"), &body)?;
        assert_eq!(status, 200, "{body}");
        *self.own.backends.get_mut(&id)? = Known {
            acknowledged: Some(new),
            pending: None,
        };
        self.own.done.add(&id, "backend.update");
        Some(())
    }

    fn delete(&mut self) -> Option<()> {
        let Some(id) = self.pick() else {
            return self.create();
        };
        self.own.backends.get_mut(&id)?.pending = Some(Change::Gone);
        let (status, body) = ask(self.address, "DELETE", &format!("{BACKENDS}/{id}"), &Value::Null)?;
        assert_eq!(status, 200, "{body}");
        self.own.backends.remove(&id);
        self.own.done.add(&id, "backend.delete");
        Some(())
    }
}
