//! One request or job as a tree: while it grows, and when it is done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::fields::Value;
use super::{Budget, Recorder};
use crate::base::Timestamp;

/// A loop that opens spans must not push out everything else.
const MOST_STEPS: usize = 256;
const MOST_MARKS: usize = 512;

/// Done, and never changed again.
#[derive(Debug)]
pub struct Tree {
    /// Counted from the start of this process.
    pub number: u64,
    pub at: Timestamp,
    /// How many steps did not fit.
    pub left_out: u32,
    knots: Box<[Knot]>,
    marks: Box<[Mark]>,
}

/// A step as it is shown: each stands after its parent, one deeper.
#[derive(Debug)]
pub struct Step<'t> {
    pub name: &'static str,
    pub depth: usize,
    pub offset: Duration,
    pub took: Duration,
    pub fields: Vec<(&'static str, &'t Value)>,
}

/// Microseconds in 32 bits reach an hour, which is longer than anything here lasts.
#[derive(Debug, Clone, Copy)]
struct Knot {
    name: &'static str,
    parent: u16,
    offset: u32,
    took: u32,
}

#[derive(Debug)]
struct Mark {
    knot: u16,
    name: &'static str,
    value: Value,
}

impl Tree {
    pub(super) fn bytes(&self) -> usize {
        // Three allocations, each with what the allocator adds, and the two counts of an `Arc`.
        let own = size_of::<Self>() + 4 * 16;
        let marks: usize = self.marks.iter().map(|mark| size_of::<Mark>() + mark.value.heap()).sum();
        own + size_of_val(&*self.knots) + marks
    }

    /// Of the request, or the job.
    pub fn id(&self) -> Option<Uuid> {
        let id = self.says("request").or_else(|| self.says("job"));
        id.and_then(|value| if let Value::Id(id) = value { Some(*id) } else { None })
    }

    /// A field of the root.
    pub fn says(&self, name: &str) -> Option<&Value> {
        self.marks.iter().find(|mark| mark.knot == 0 && mark.name == name).map(|mark| &mark.value)
    }

    pub fn kind(&self) -> &'static str {
        self.knots.first().map_or("", |knot| knot.name)
    }

    pub fn took(&self) -> Duration {
        self.knots.first().map(|knot| micros(knot.took)).unwrap_or_default()
    }

    pub fn steps(&self) -> Vec<Step<'_>> {
        let mut steps = Vec::with_capacity(self.knots.len());
        self.walk(0, 0, &mut steps);
        steps
    }

    /// Children come after their parents in the list, so this ends.
    fn walk<'t>(&'t self, at: usize, depth: usize, steps: &mut Vec<Step<'t>>) {
        let Some(knot) = self.knots.get(at) else { return };
        let fields = self.marks.iter().filter(|mark| usize::from(mark.knot) == at);
        steps.push(Step {
            name: knot.name,
            depth,
            offset: micros(knot.offset),
            took: micros(knot.took),
            fields: fields.map(|mark| (mark.name, &mark.value)).collect(),
        });
        let children = self.knots.iter().enumerate().skip(at + 1);
        for (child, _) in children.filter(|(_, knot)| usize::from(knot.parent) == at) {
            self.walk(child, depth + 1, steps);
        }
    }

    pub fn json(&self) -> Json {
        let millis = |lasting: Duration| (lasting.as_secs_f64() * 100_000.0).round() / 100.0;
        let steps = self.steps();
        let fields = |step: &Step<'_>| -> serde_json::Map<String, Json> {
            step.fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
        };
        let below = steps.iter().skip(1).map(|step| {
            json!({ "name": step.name, "depth": step.depth, "offset": millis(step.offset),
                    "millis": millis(step.took), "fields": fields(step) })
        });
        json!({
            "number": self.number, "kind": self.kind(), "id": self.id(), "at": self.at,
            "millis": millis(self.took()), "fields": steps.first().map(fields),
            "steps": below.collect::<Vec<_>>(), "leftOut": self.left_out,
        })
    }
}

/// Pays for each of its places out of what all growing trees share.
pub struct Growing {
    recorder: Recorder,
    at: Timestamp,
    began: Instant,
    paid: usize,
    left_out: u32,
    knots: Vec<Knot>,
    marks: Vec<Mark>,
}

impl Growing {
    /// `None` while others use up all there is.
    pub fn plant(recorder: &Recorder, name: &'static str) -> Option<Self> {
        let paid = size_of::<Self>() + 64;
        if !recorder.0.growing.spend(paid) {
            return None;
        }
        let (at, began) = (recorder.0.clock.now(), Instant::now());
        let (knots, marks) = (Vec::new(), Vec::new());
        let mut tree = Self { recorder: recorder.clone(), at, began, paid, left_out: 0, knots, marks };
        tree.grow(name, 0).map(|_| tree)
    }

    /// A new step, if there is room.
    pub fn grow(&mut self, name: &'static str, parent: u16) -> Option<u16> {
        let at = u16::try_from(self.knots.len()).ok().filter(|at| usize::from(*at) < MOST_STEPS);
        if at.is_none() || !reserve(&mut self.knots, &self.recorder.0.growing, &mut self.paid) {
            self.left_out += 1;
            return None;
        }
        let offset = self.elapsed();
        self.knots.push(Knot { name, parent, offset, took: 0 });
        at
    }

    /// A later value takes the place of an earlier one.
    pub fn mark(&mut self, knot: u16, name: &'static str, value: Value) {
        let (heap, budget) = (value.heap(), &self.recorder.0.growing);
        if let Some(known) = self.marks.iter_mut().find(|mark| mark.knot == knot && mark.name == name) {
            if budget.spend(heap) {
                let before = std::mem::replace(&mut known.value, value).heap();
                budget.give_back(before);
                self.paid = self.paid + heap - before;
            }
            return;
        }
        if self.marks.len() < MOST_MARKS
            && reserve(&mut self.marks, budget, &mut self.paid)
            && budget.spend(heap)
        {
            self.paid += heap;
            self.marks.push(Mark { knot, name, value });
        }
    }

    pub fn end(&mut self, knot: u16) {
        let elapsed = self.elapsed();
        if let Some(knot) = self.knots.get_mut(usize::from(knot)) {
            knot.took = elapsed.saturating_sub(knot.offset);
        }
    }

    /// The root has ended, and all others before it.
    pub fn done(&mut self) {
        let (knots, marks) = (std::mem::take(&mut self.knots), std::mem::take(&mut self.marks));
        let tree = Tree {
            number: 0,
            at: self.at,
            left_out: self.left_out,
            knots: knots.into_boxed_slice(),
            marks: marks.into_boxed_slice(),
        };
        self.recorder.keep(tree);
    }

    fn elapsed(&self) -> u32 {
        u32::try_from(self.began.elapsed().as_micros()).unwrap_or(u32::MAX)
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        self.recorder.0.growing.give_back(self.paid);
    }
}

/// Room for one more, paid for before it is there.
fn reserve<T>(list: &mut Vec<T>, budget: &Budget, paid: &mut usize) -> bool {
    if list.len() < list.capacity() {
        return true;
    }
    let more = list.capacity().max(8);
    if !budget.spend(more * size_of::<T>()) {
        return false;
    }
    *paid += more * size_of::<T>();
    list.reserve_exact(more);
    true
}

fn micros(number: u32) -> Duration {
    Duration::from_micros(u64::from(number))
}

/// Where a span stands: its tree and its step in it.
#[derive(Clone)]
pub struct Place {
    pub tree: Arc<std::sync::Mutex<Growing>>,
    pub knot: u16,
}
