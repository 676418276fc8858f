//! Whether two heaps of times tell each other apart.

/// Times of one case, in milliseconds.
pub struct Samples {
    pub name: &'static str,
    pub times: Vec<f64>,
}

/// One case held against another.
pub struct Comparison {
    /// How probable it is that a time of the one is longer than a time of the other: a half when nothing is told.
    pub auc: f64,
    /// Mann-Whitney: by how many standard errors `auc` is off a half.
    pub z: f64,
    /// Welch, over the times without the fastest and the slowest tenth.
    pub t: f64,
    pub between_medians: f64,
    /// How far the medians of cases that are alike lie apart by chance, on a machine as restless as this one was.
    pub by_chance: f64,
}

/// With 300 times of each case a standard error of `auc` is 0.024: cases that are alike stay within 0.08 in all but
/// one comparison of 1,400. At 0.08 whoever bets on the longer of two times wins 58 bets of 100.
pub const FARTHEST_AUC: f64 = 0.08;
/// What a network hides, in milliseconds. On a restless machine medians lie further apart by chance: there the
/// difference counts beyond four of its own standard errors, and `auc`, which no noise moves, says the rest.
pub const FARTHEST_MEDIANS: f64 = 3.0;
const STANDARD_ERRORS: f64 = 4.0;

impl Samples {
    pub fn of(name: &'static str) -> Self {
        Self { name, times: Vec::new() }
    }

    fn sorted(&self) -> Vec<f64> {
        let mut times = self.times.clone();
        times.sort_by(f64::total_cmp);
        times
    }

    /// 0.5: the median.
    pub fn quantile(&self, part: f64) -> f64 {
        let sorted = self.sorted();
        let at = part * (sorted.len() - 1) as f64;
        let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
        below + (above - below) * at.fract()
    }

    pub fn against(&self, other: &Self) -> Comparison {
        let auc = auc(&self.times, &other.times);
        let (n, m) = (self.times.len() as f64, other.times.len() as f64);
        Comparison {
            auc,
            z: (auc - 0.5) / ((n + m + 1.0) / (12.0 * n * m)).sqrt(),
            t: welch(&self.trimmed(), &other.trimmed()),
            between_medians: self.quantile(0.5) - other.quantile(0.5),
            by_chance: self.error_of_median().hypot(other.error_of_median()),
        }
    }

    /// From the quarters, since the slowest times say nothing of it: the normal law's 1.2533 over 1.349.
    fn error_of_median(&self) -> f64 {
        0.929 * (self.quantile(0.75) - self.quantile(0.25)) / (self.times.len() as f64).sqrt()
    }

    fn trimmed(&self) -> Vec<f64> {
        let sorted = self.sorted();
        let tenth = sorted.len() / 10;
        sorted[tenth..sorted.len() - tenth].to_vec()
    }
}

impl Comparison {
    pub fn tells(&self) -> bool {
        let farthest = FARTHEST_MEDIANS.max(STANDARD_ERRORS * self.by_chance);
        (self.auc - 0.5).abs() > FARTHEST_AUC || self.between_medians.abs() >= farthest
    }
}

/// Of all pairs, in how many the first is longer; of equal ones, half.
fn auc(ours: &[f64], theirs: &[f64]) -> f64 {
    let wins = ours.iter().flat_map(|our| theirs.iter().map(move |their| our.total_cmp(their)));
    let wins = wins.map(|order| match order {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    });
    wins.sum::<f64>() / (ours.len() * theirs.len()) as f64
}

fn welch(ours: &[f64], theirs: &[f64]) -> f64 {
    let moments = |times: &[f64]| {
        let n = times.len() as f64;
        let mean = times.iter().sum::<f64>() / n;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, variance / n)
    };
    let ((our, ours), (their, theirs)) = (moments(ours), moments(theirs));
    (our - their) / (ours + theirs).sqrt().max(f64::MIN_POSITIVE)
}

fn samples(times: impl Iterator<Item = f64>) -> Samples {
    Samples { times: times.collect(), ..Samples::of("made up") }
}

#[test]
fn the_same_times_tell_nothing() {
    let same = || samples((0..300).map(f64::from));

    let compared = same().against(&same());

    assert_eq!((compared.auc, compared.z, compared.t, compared.between_medians), (0.5, 0.0, 0.0, 0.0));
    assert!(!compared.tells());
}

#[test]
fn what_is_always_longer_tells_all() {
    let (quick, slow) = (samples((0..300).map(f64::from)), samples((300..600).map(f64::from)));

    let compared = slow.against(&quick);

    assert_eq!((compared.auc, compared.between_medians), (1.0, 300.0));
    assert!(compared.z > 20.0 && compared.t > 20.0 && compared.tells());
}

#[test]
fn a_tenth_of_a_millisecond_more_at_each_time_is_seen() {
    let narrow = |more: f64| samples((0..300).map(move |at| 30.0 + f64::from(at % 10) / 20.0 + more));

    let compared = narrow(0.1).against(&narrow(0.0));

    assert!(compared.auc > 0.65 && compared.between_medians < 0.2 && compared.tells());
}

#[test]
fn a_few_long_times_change_no_verdict() {
    let calm = samples((0..300).map(|at| f64::from(at % 10)));
    let jolted = samples((0..300).map(|at| if at % 50 == 0 { 900.0 } else { f64::from(at % 10) }));

    assert!(!jolted.against(&calm).tells());
}

/// Two heaps of a machine whose times lie a hundred milliseconds apart: medians differ by more than three, and by chance.
#[test]
fn a_restless_machine_tells_nothing_by_its_medians() {
    let restless = |more: f64| samples((0..300).map(move |at| f64::from(at * 37 % 300) + more));

    let compared = restless(6.0).against(&restless(0.0));

    assert!(compared.between_medians > 3.0 && compared.by_chance > 6.0 && !compared.tells());
}
