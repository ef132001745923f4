//! A backend with knobs, for the tests of whoever uses backends.

mod calls;
mod files;
mod holding;
mod mount;
mod tree;
mod writes;

pub use calls::FakeCalls;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use storage_domain::{BackendKind, ByteCount, Capacity, MountInForce, Outcome, ProbeReport};

use crate::backend::{Backend, Mount, MountState, Tree, TreeMut};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::holders::Holders;
use crate::probe::Checks;
use mount::FakeMount;
use tree::FakeTree;

/// A backend that behaves as its knobs say. They are set before it is used; [`FakeBackend::calls`] returns what was
/// asked of it.
#[derive(Debug)]
pub struct FakeBackend {
    kind: BackendKind,
    fails_left: AtomicU32,
    delay: Duration,
    hangs: AtomicBool,
    broken: bool,
    /// How many bytes were written since it was made.
    written: AtomicU64,
    mount: Option<FakeMount>,
    in_force: Option<MountInForce>,
    tree: Option<FakeTree>,
    calls: Arc<FakeCalls>,
}

impl FakeBackend {
    /// How full a fake says it is, before anything is written.
    pub fn capacity() -> Capacity {
        Capacity {
            used: ByteCount::saturating(1 << 30),
            total: ByteCount::saturating(4 << 30),
            available: ByteCount::saturating(3 << 30),
        }
    }

    /// A backend whose probe passes at once, without facets.
    pub fn healthy(kind: BackendKind) -> Self {
        Self {
            kind,
            fails_left: AtomicU32::new(0),
            delay: Duration::ZERO,
            hangs: AtomicBool::new(false),
            broken: false,
            written: AtomicU64::new(0),
            mount: None,
            in_force: None,
            tree: None,
            calls: Arc::default(),
        }
    }

    /// The first `times` probes fail, the later ones pass.
    #[must_use]
    pub fn failing(mut self, times: u32) -> Self {
        self.fails_left = AtomicU32::new(times);
        self
    }

    /// From now on so many probes fail, and the later ones pass.
    pub fn fail(&self, times: u32) {
        self.fails_left.store(times, Ordering::SeqCst);
    }

    /// Every probe fails.
    #[must_use]
    pub fn unreachable(self) -> Self {
        self.failing(u32::MAX)
    }

    /// From now on so many bytes more are in use.
    pub fn fill(&self, bytes: u64) {
        self.written.fetch_add(bytes, Ordering::SeqCst);
    }

    /// Every probe takes this long.
    #[must_use]
    pub fn slow(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// A probe ends with its deadline or its cancellation only.
    #[must_use]
    pub fn hanging(self) -> Self {
        self.hang();
        self
    }

    /// From now on a probe ends with its deadline or its cancellation only.
    pub fn hang(&self) {
        self.hangs.store(true, Ordering::SeqCst);
    }

    /// From now on probes pass; one that hangs goes on hanging.
    pub fn recover(&self) {
        self.hangs.store(false, Ordering::SeqCst);
    }

    /// A probe can't run: its worker breaks off.
    #[must_use]
    pub fn broken(mut self) -> Self {
        self.broken = true;
        self
    }

    /// With the facet [`Mount`]; a probe that passes mounts.
    #[must_use]
    pub fn mountable(mut self, state: MountState) -> Self {
        self.mount = Some(FakeMount {
            state: Mutex::new(state),
            busy: false,
            holders: Holders::default(),
            calls: Arc::clone(&self.calls),
        });
        self
    }

    /// A probe that passes reports that the backend is mounted like this.
    #[must_use]
    pub fn mounted_as(mut self, mount: MountInForce) -> Self {
        self.in_force = Some(mount);
        self
    }

    /// With the facet [`Mount`], mounted, and in use.
    #[must_use]
    pub fn busy(self) -> Self {
        let mut fake = self.mountable(MountState::Mounted);
        if let Some(mount) = &mut fake.mount {
            mount.busy = true;
        }
        fake
    }

    /// With the facet [`Mount`], mounted, and in use by these.
    #[must_use]
    pub fn held(self, holders: Holders) -> Self {
        let mut fake = self.busy();
        if let Some(mount) = &mut fake.mount {
            mount.holders = holders;
        }
        fake
    }

    /// What was asked of this backend; stays valid after the backend went elsewhere.
    pub fn calls(&self) -> Arc<FakeCalls> {
        Arc::clone(&self.calls)
    }

    async fn work(&self, cx: &OpContext, hangs: bool) -> Result<(), Error> {
        let work = async {
            tokio::time::sleep(self.delay).await;
            if hangs {
                std::future::pending::<()>().await;
            }
        };
        cx.bound("the probe", work).await?;
        if self.broken {
            let reason = "it was set up to fail".to_owned();
            return Err(Error::new(ErrorKind::Helper, "the helper process").with_source(reason));
        }
        Ok(())
    }

    fn fullness(&self) -> Capacity {
        let (empty, written) = (Self::capacity(), self.written.load(Ordering::SeqCst));
        Capacity {
            used: ByteCount::saturating(empty.used.get() + written),
            available: ByteCount::saturating(empty.available.get().saturating_sub(written)),
            ..empty
        }
    }

    fn report(&self, passes: bool) -> ProbeReport {
        let (outcome, detail) = if passes {
            (Outcome::Passed, "The storage answers")
        } else {
            (Outcome::Failed, "The storage does not answer; is it switched on?")
        };
        let mut checks = Checks::new(&["fake"]);
        checks.end_timed(self.delay, outcome, detail);
        ProbeReport {
            capacity: passes.then(|| self.fullness()),
            mount: self.in_force.clone().filter(|_| passes),
            duration: self.delay,
            ..checks.report("The fake storage works")
        }
    }
}

#[async_trait]
impl Backend for FakeBackend {
    fn kind(&self) -> BackendKind {
        self.kind
    }

    async fn probe(&self, cx: &OpContext) -> Result<ProbeReport, Error> {
        // Before it counts as begun: whoever lets it recover then means the next one.
        let hangs = self.hangs.load(Ordering::SeqCst);
        self.calls.probes.fetch_add(1, Ordering::SeqCst);
        let _under_way = self.calls.begin();
        self.work(cx, hangs).await?;
        let fails = self
            .fails_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
                0 => None,
                u32::MAX => Some(u32::MAX),
                n => Some(n - 1),
            })
            .is_ok();
        if let Some(mount) = self.mount.as_ref().filter(|_| !fails) {
            mount.set(MountState::Mounted);
        }
        Ok(self.report(!fails))
    }

    fn as_mount(&self) -> Option<&dyn Mount> {
        self.mount.as_ref().map(|m| m as &dyn Mount)
    }

    fn as_tree(&self) -> Option<&dyn Tree> {
        self.tree.as_ref().map(|tree| tree as &dyn Tree)
    }

    fn as_tree_mut(&self) -> Option<&dyn TreeMut> {
        let tree = self.tree.as_ref().filter(|tree| tree.files.lock().writable);
        tree.map(|tree| tree as &dyn TreeMut)
    }
}
