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
}

/// With 300 times of each case a standard error of `auc` is 0.024: cases that are alike stay within 0.08 in all but
/// one comparison of 1,400. At 0.08 whoever bets on the longer of two times wins 58 bets of 100.
pub const FARTHEST_AUC: f64 = 0.08;
/// What a network hides, in milliseconds.
pub const FARTHEST_MEDIANS: f64 = 3.0;

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
        }
    }

    fn trimmed(&self) -> Vec<f64> {
        let sorted = self.sorted();
        let tenth = sorted.len() / 10;
        sorted[tenth..sorted.len() - tenth].to_vec()
    }
}

impl Comparison {
    pub fn tells(&self) -> bool {
        (self.auc - 0.5).abs() > FARTHEST_AUC || self.between_medians.abs() >= FARTHEST_MEDIANS
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
