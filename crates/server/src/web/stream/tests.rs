use std::future::poll_fn;
use std::task::Waker;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;

const TWO: &[u8] = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\nHost: a\n\n";
const FIRST: &[u8] = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

/// Polls once, as a task does that nothing woke: the bytes, or nothing if there are none yet.
fn poll_once(stream: &mut FlowStream<DuplexStream>) -> Option<Vec<u8>> {
    let mut space = [0; 8192];
    let mut buffer = ReadBuf::new(&mut space);
    match Pin::new(stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer) {
        Poll::Ready(read) => read.map(|()| Some(buffer.filled().to_vec())).unwrap(),
        Poll::Pending => None,
    }
}

fn connected(capacity: usize) -> (FlowStream<DuplexStream>, DuplexStream) {
    let (ours, theirs) = duplex(capacity);
    (FlowStream::new(ours, Patience::new(None)), theirs)
}

#[tokio::test]
async fn each_poll_of_the_task_reads_one_head() {
    let (mut stream, mut peer) = connected(1024);
    peer.write_all(TWO).await.unwrap();
    let (first, second) = TWO.split_at(TWO.len() - 1);
    assert_eq!(poll_once(&mut stream).unwrap(), first);
    assert_eq!(poll_once(&mut stream), None, "the task answers first");
    assert_eq!(poll_once(&mut stream).unwrap(), second);
    assert_eq!(poll_once(&mut stream), None);
}

#[tokio::test]
async fn a_piece_has_the_end_of_one_blank_line_at_most() {
    for (sent, first) in [
        ("a\n\nb\n\nc", "a\n\nb\n"),
        ("a\r\n\r\nb\r\n\r\nc", "a\r\n\r\nb\r\n\r"),
        ("a\n\n\n\nb", "a\n\n\n"),
        ("\n\n\n\n", "\n\n\n"),
        ("a\n\r\r\nb\n\nc", "a\n\r\r\nb\n\nc"),
    ] {
        let (mut stream, mut peer) = connected(64);
        peer.write_all(sent.as_bytes()).await.unwrap();
        assert_eq!(poll_once(&mut stream).unwrap(), first.as_bytes(), "{sent:?}");
    }
}

#[tokio::test]
async fn nothing_is_read_while_an_answer_is_made() {
    let (mut stream, mut peer) = connected(1024);
    let flow = Rc::clone(stream.flow());
    let answering = flow.begin(false);
    peer.write_all(FIRST).await.unwrap();
    assert_eq!(poll_once(&mut stream), None);
    let mut bytes = [0; FIRST.len()];
    let (read, ()) = tokio::join!(stream.read_exact(&mut bytes), async { drop(answering) });
    read.expect("the end of the answer wakes the reader");
    assert_eq!(bytes, FIRST);
}

#[tokio::test]
async fn a_body_is_read_if_its_handler_waits_for_it() {
    let (mut stream, mut peer) = connected(1024);
    let flow = Rc::clone(stream.flow());
    let _answering = flow.begin(false);
    peer.write_all(b"the rest").await.unwrap();
    assert_eq!(poll_once(&mut stream), None, "nobody waits for it");
    flow.wait_for_body();
    assert_eq!(poll_once(&mut stream).unwrap(), b"the rest");
    flow.stop_waiting();
    peer.write_all(b"and more").await.unwrap();
    assert_eq!(poll_once(&mut stream), None, "nobody waits for more");
}

/// What a client that waits for `100 Continue` gets before the answer.
async fn with_expectation(handler_waits: bool) -> Vec<u8> {
    let (mut stream, mut peer) = connected(1024);
    let flow = Rc::clone(stream.flow());
    let _answering = flow.begin(true);
    stream.write_all(CONTINUE).await.unwrap();
    assert_eq!(poll_once(&mut stream), None);
    if handler_waits {
        flow.wait_for_body();
        assert_eq!(poll_once(&mut stream), None);
    }
    stream.write_all(b"answer").await.unwrap();
    // A file may begin like this.
    stream.write_all(CONTINUE).await.unwrap();
    drop(stream);
    let mut got = Vec::new();
    peer.read_to_end(&mut got).await.unwrap();
    got
}

#[tokio::test]
async fn a_body_is_asked_for_if_its_handler_waits_for_it() {
    let answer = [b"answer", CONTINUE].concat();
    assert_eq!(with_expectation(false).await, answer);
    assert_eq!(with_expectation(true).await, [CONTINUE, &answer].concat());
}

#[tokio::test]
async fn a_handler_that_waits_wakes_who_asks_for_the_body() {
    let (mut stream, mut peer) = connected(1024);
    let flow = Rc::clone(stream.flow());
    let _answering = flow.begin(true);
    stream.write_all(CONTINUE).await.unwrap();
    let mut body = [0; 4];
    let asking = async {
        let mut asked = vec![0; CONTINUE.len()];
        tokio::task::yield_now().await;
        flow.wait_for_body();
        peer.read_exact(&mut asked).await.unwrap();
        peer.write_all(b"body").await.unwrap();
        asked
    };
    let (read, asked) = tokio::join!(stream.read_exact(&mut body), asking);
    read.unwrap();
    assert_eq!((asked.as_slice(), &body), (CONTINUE, b"body"));
}

#[tokio::test]
async fn nothing_is_read_while_the_peer_takes_nothing() {
    let (mut stream, mut peer) = connected(64);
    peer.write_all(FIRST).await.unwrap();
    let full = poll_fn(|cx| {
        while Pin::new(&mut stream).poll_write(cx, b"answer").is_ready() {}
        Poll::Ready(())
    });
    full.await;
    assert_eq!(poll_once(&mut stream), None);
    let mut taken = [0; 64];
    peer.read_exact(&mut taken).await.unwrap();
    assert_eq!(poll_once(&mut stream), None, "the answer goes first");
    stream.flush().await.unwrap();
    assert_eq!(poll_once(&mut stream).unwrap(), FIRST);
}

#[tokio::test]
async fn a_large_answer_leaves_room_for_other_connections() {
    let (mut stream, _peer) = connected(4 * WRITE_SHARE);
    let bytes = vec![0; WRITE_SHARE];
    let mut write = || {
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(&mut stream).poll_write(&mut cx, &bytes)
    };
    assert!(write().is_ready());
    assert!(write().is_pending(), "others are served first");
    assert!(write().is_ready());
}

#[tokio::test]
async fn the_end_is_seen_after_what_came_before_it() {
    let (mut stream, mut peer) = connected(1024);
    peer.write_all(TWO).await.unwrap();
    peer.shutdown().await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes, TWO);
}

#[tokio::test]
async fn no_byte_is_changed_by_the_cuts() {
    let line = b"\n\r\n\n\r\r\n\n\n a\nb\r\n\r\n";
    let sent = line.repeat(3000);
    let (mut stream, mut peer) = connected(1000);
    let mut read = Vec::new();
    let sending = async {
        peer.write_all(&sent).await.unwrap();
        peer.shutdown().await.unwrap();
    };
    let (got, ()) = tokio::join!(stream.read_to_end(&mut read), sending);
    got.unwrap();
    assert_eq!(read, sent);
}

/// The kernel never gives a peer of a Unix socket up.
#[tokio::test]
async fn a_peer_that_takes_nothing_is_given_up() {
    let (ours, _theirs) = duplex(16);
    let moment = std::time::Duration::from_millis(10);
    let mut stream = FlowStream::new(ours, Patience::with(None, moment, moment * 3));
    let written = stream.write_all(&[0; 1024]).await;
    assert_eq!(written.map_err(|error| error.kind()), Err(ErrorKind::TimedOut));
}
