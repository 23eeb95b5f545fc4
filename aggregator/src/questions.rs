//! What readers may ask the owner thread. It answers between two records and never waits for the asker.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use model::PublisherId;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::island::Island;
use crate::{Disk, OpenView, PublisherAccount};

/// Questions that may wait. Each holds a few names, so this is below 1 MiB.
const QUESTIONS_WAITING_MAX: usize = 1024;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// What no seal has taken yet, of these (account, metric), or of all when there are none.
    OpenMinutes {
        /// Whose, and which.
        metrics: Vec<(String, String)>,
    },
    /// The rows of sealed minutes that wait for the next seal: what a query sees at once beside what is sealed.
    LateRows {
        /// Whose, and which.
        metrics: Vec<(String, String)>,
    },
    /// What became of a publisher's rows.
    Publisher {
        /// Who.
        publisher: PublisherId,
        /// Which life of it.
        epoch: u64,
    },
}

/// Its answer.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To [`Question::OpenMinutes`] and [`Question::LateRows`].
    OpenMinutes(Arc<OpenView>),
    /// To [`Question::Publisher`].
    Publisher(PublisherAccount),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AskError {
    /// Too many wait already.
    #[error("{QUESTIONS_WAITING_MAX} questions wait for the island already: ask again later")]
    Busy,
    /// The island does not run any more.
    #[error("the island does not run: see its status")]
    Stopped,
    /// No answer in time.
    #[error("the island did not answer within {0:?}: ask again later")]
    Timeout(Duration),
    /// A block cannot be built.
    #[error("the island cannot answer: {0}")]
    Failed(String),
}

type Reply = Box<dyn FnOnce(Result<Answer, AskError>) + Send>;

/// The asking end.
#[derive(Clone)]
pub(crate) struct Asker(SyncSender<(Question, Reply)>);

/// The answering end.
pub(crate) struct Questions {
    waiting: Receiver<(Question, Reply)>,
    /// The last open view, which is good until the next record: many dashboards ask the same.
    last: Option<(u64, Question, Arc<OpenView>)>,
}

/// A queue of questions.
pub(crate) fn questions() -> (Asker, Questions) {
    let (sender, waiting) = sync_channel(QUESTIONS_WAITING_MAX);
    (Asker(sender), Questions { waiting, last: None })
}

// === impl Asker ===

impl Asker {
    pub(crate) async fn ask(&self, question: Question) -> Result<Answer, AskError> {
        let (sender, receiver) = oneshot::channel();
        self.send(question, Box::new(move |answer| drop(sender.send(answer))))?;
        receiver.await.unwrap_or(Err(AskError::Stopped))
    }

    pub(crate) fn ask_blocking(&self, question: Question, timeout: Duration) -> Result<Answer, AskError> {
        let (sender, receiver) = sync_channel(1);
        self.send(question, Box::new(move |answer| drop(sender.send(answer))))?;
        receiver.recv_timeout(timeout).map_err(|why| match why {
            std::sync::mpsc::RecvTimeoutError::Timeout => AskError::Timeout(timeout),
            std::sync::mpsc::RecvTimeoutError::Disconnected => AskError::Stopped,
        })?
    }

    fn send(&self, question: Question, reply: Reply) -> Result<(), AskError> {
        self.0.try_send((question, reply)).map_err(|why| match why {
            TrySendError::Full(_) => AskError::Busy,
            TrySendError::Disconnected(_) => AskError::Stopped,
        })
    }
}

// === impl Questions ===

impl Questions {
    /// Answers all that wait. `disk` is of the island's last checkpoint.
    pub(crate) fn answer(&mut self, island: &Island, disk: &Disk) {
        while let Ok((question, reply)) = self.waiting.try_recv() {
            reply(self.answer_to(question, island, disk));
        }
    }

    fn answer_to(&mut self, question: Question, island: &Island, disk: &Disk) -> Result<Answer, AskError> {
        if let Some((position, of, view)) = &self.last
            && (*position, of) == (island.position(), &question)
        {
            return Ok(Answer::OpenMinutes(Arc::clone(view)));
        }
        let view = match &question {
            Question::OpenMinutes { metrics } => island.open_view(metrics),
            Question::LateRows { metrics } => island.late_view(metrics),
            Question::Publisher { publisher, epoch } => {
                return Ok(Answer::Publisher(island.publisher(*publisher, *epoch)));
            }
        };
        let mut view = view.map_err(|why| AskError::Failed(why.to_string()))?;
        Arc::make_mut(&mut view.view).disk = disk.clone();
        let view = Arc::new(view);
        self.last = Some((island.position(), question, Arc::clone(&view)));
        Ok(Answer::OpenMinutes(view))
    }

    /// After a record: what was answered is no longer true.
    pub(crate) fn forget_last(&mut self) {
        self.last = None;
    }
}
