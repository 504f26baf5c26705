//! What may happen to the work on an application, and when.

use factum::Aggregate;
use serde::{Deserialize, Serialize};

use super::{Activity, WorkEvent, WorkRejection};
use crate::history::{History, Place};

/// Record that this happened.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordWork(pub WorkEvent);

/// The work on one application, as far as the next decision needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    history: History,
    scheduled: Activities,
    /// Begun at least once.
    begun: Activities,
    /// Begun, and not laid aside since.
    running: Activities,
}

/// A set of activities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Activities(u8);

impl Activities {
    fn has(self, activity: Activity) -> bool {
        self.0 & 1 << activity as u8 != 0
    }

    fn insert(&mut self, activity: Activity) {
        self.0 |= 1 << activity as u8;
    }

    fn remove(&mut self, activity: Activity) {
        self.0 &= !(1 << activity as u8);
    }
}

impl Aggregate for Work {
    type Command = RecordWork;
    type Event = WorkEvent;
    type Rejection = WorkRejection;

    fn decide(&self, RecordWork(event): RecordWork) -> Result<Vec<WorkEvent>, WorkRejection> {
        if self.history.place(event.entry(), event.time())? == Place::Known {
            return Ok(Vec::new());
        }
        let activity = event.activity();
        match event {
            WorkEvent::Scheduled(_) => self.may_schedule(activity)?,
            WorkEvent::Started(_) => self.is_scheduled(activity)?,
            WorkEvent::Completed(_) => self.may_complete(activity)?,
        }
        Ok(vec![event])
    }

    fn apply(&mut self, event: &WorkEvent) {
        self.history.record(event.entry(), event.time());
        let activity = event.activity();
        match event {
            WorkEvent::Scheduled(_) => self.scheduled.insert(activity),
            WorkEvent::Started(_) => {
                self.begun.insert(activity);
                self.running.insert(activity);
            }
            WorkEvent::Completed(_) => self.running.remove(activity),
        }
    }
}

impl Work {
    fn may_schedule(&self, activity: Activity) -> Result<(), WorkRejection> {
        let completing = self.scheduled.has(Activity::CompleteApplication);
        if activity == Activity::HandleLead && completing {
            return Err(WorkRejection::TooLate);
        }
        match follows(activity) {
            Some(after) if !self.begun.has(after) => Err(WorkRejection::TooEarly { after }),
            _ => Ok(()),
        }
    }

    fn is_scheduled(&self, activity: Activity) -> Result<(), WorkRejection> {
        match self.scheduled.has(activity) {
            true => Ok(()),
            false => Err(WorkRejection::NotScheduled),
        }
    }

    /// Work may be completed without a start: the bank's staff did so a thousand times. Only fraud
    /// is assessed by the book.
    fn may_complete(&self, activity: Activity) -> Result<(), WorkRejection> {
        self.is_scheduled(activity)?;
        match activity {
            Activity::AssessFraud if !self.running.has(activity) => Err(WorkRejection::NotStarted),
            _ => Ok(()),
        }
    }
}

/// The work that has to be begun before this one can be scheduled.
fn follows(activity: Activity) -> Option<Activity> {
    match activity {
        Activity::HandleLead | Activity::AssessFraud | Activity::CompleteApplication => None,
        Activity::CallAboutOffer => Some(Activity::CompleteApplication),
        Activity::ValidateApplication | Activity::ChangeContract => Some(Activity::CallAboutOffer),
        Activity::CallAboutDossier => Some(Activity::ValidateApplication),
    }
}
