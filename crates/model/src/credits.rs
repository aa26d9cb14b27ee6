//! CPU credits of the burstable types (EC2 user guide, "Key concepts and definitions for burstable performance
//! instances"): a credit is one vCPU at full speed for a minute. An instance earns them at its baseline, spends them above it,
//! and keeps at most what it earns in a day.
//!
//! Amounts are kept in vCPU milliseconds, of which a credit has 60,000; nothing here rounds in anybody's favour for long.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// vCPU milliseconds of a credit.
const CREDIT: u64 = 60_000;
/// A day in milliseconds: an instance keeps what it earns in that time.
const DAY: u64 = 86_400_000;

/// What an instance may do when it has no credits left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CreditMode {
    /// It is held to its baseline.
    Standard,
    /// It goes on bursting, on surplus credits, which what it earns pays back later.
    Unlimited,
}

/// How a type earns credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditTerms {
    /// vCPUs.
    pub vcpus: u32,
    /// The share of each vCPU that costs nothing, in thousandths.
    pub baseline: u32,
    /// Credits that each vCPU has at first, beyond what the type may keep; they are spent first.
    pub launch_credits: u32,
    /// Whether credits outlive a stop.
    pub kept_at_stop: bool,
    /// The mode of an instance that was given none.
    pub default_mode: CreditMode,
}

/// What an instance has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CreditBalance {
    /// Earned and not spent, in vCPU milliseconds.
    pub earned: u64,
    /// What is left of the launch credits.
    pub launch: u64,
    /// Surplus spent and not paid back.
    pub surplus: u64,
}

impl CreditTerms {
    /// Credits earned in an hour.
    pub fn earned_per_hour(&self) -> f64 {
        f64::from(self.vcpus) * f64::from(self.baseline) * 60.0 / 1000.0
    }

    /// Most that is kept, in vCPU milliseconds. Surplus has the same bound.
    fn most(&self) -> u64 {
        self.earned_in(DAY)
    }

    fn earned_in(&self, milliseconds: u64) -> u64 {
        milliseconds.saturating_mul(u64::from(self.vcpus) * u64::from(self.baseline)) / 1000
    }

    /// What a new instance has.
    pub fn at_launch(&self) -> CreditBalance {
        let launch = u64::from(self.vcpus) * u64::from(self.launch_credits) * CREDIT;
        CreditBalance { launch, ..CreditBalance::default() }
    }

    /// What is left after a stop.
    pub fn after_stop(&self, balance: CreditBalance) -> CreditBalance {
        if self.kept_at_stop { balance } else { self.at_launch() }
    }

    /// What an instance has after it ran for `elapsed` and used `used` of its vCPUs together.
    pub fn account(
        &self,
        mode: CreditMode,
        balance: CreditBalance,
        elapsed: Duration,
        used: Duration,
    ) -> CreditBalance {
        let earned = self.earned_in(milliseconds(elapsed));
        // Beyond its vCPUs a machine uses the host's time for its disks and interfaces, which is not charged.
        let used = milliseconds(used).min(milliseconds(elapsed).saturating_mul(u64::from(self.vcpus)));
        let CreditBalance { earned: mut balance, mut launch, mut surplus } = balance;
        if earned >= used {
            let gain = earned - used;
            let repaid = gain.min(surplus);
            surplus -= repaid;
            balance = balance.saturating_add(gain - repaid).min(self.most());
        } else {
            let mut owed = used - earned;
            for pocket in [&mut launch, &mut balance] {
                let paid = owed.min(*pocket);
                *pocket -= paid;
                owed -= paid;
            }
            if mode == CreditMode::Unlimited {
                surplus = surplus.saturating_add(owed).min(self.most());
            }
        }
        CreditBalance { earned: balance, launch, surplus }
    }

    /// How much of the host's processors, in thousandths of one, an instance may use until it is looked at again after
    /// `next`. None is as much as its vCPUs can. One in the standard mode can then spend what it has and its baseline, and no
    /// more.
    pub fn allowance(&self, mode: CreditMode, balance: CreditBalance, next: Duration) -> Option<u32> {
        if mode == CreditMode::Unlimited {
            return None;
        }
        let most = u64::from(self.vcpus) * 1000;
        let baseline = u64::from(self.vcpus) * u64::from(self.baseline);
        let saved = balance.earned.saturating_add(balance.launch);
        let burst = saved.saturating_mul(1000) / milliseconds(next).max(1);
        let allowed = baseline.saturating_add(burst);
        u32::try_from(allowed).ok().filter(|allowed| u64::from(*allowed) < most)
    }
}

impl CreditBalance {
    /// Credits that can be spent, as the metric CPUCreditBalance counts them.
    pub fn credits(&self) -> f64 {
        self.earned.saturating_add(self.launch) as f64 / CREDIT as f64
    }

    /// Surplus credits that were spent and are not paid back, as CPUSurplusCreditBalance.
    pub fn surplus_credits(&self) -> f64 {
        self.surplus as f64 / CREDIT as f64
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MICRO: CreditTerms = CreditTerms {
        vcpus: 2,
        baseline: 100,
        launch_credits: 0,
        kept_at_stop: true,
        default_mode: CreditMode::Unlimited,
    };
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_t3_micro_earns_twelve_credits_an_hour_and_keeps_288() {
        assert_eq!(MICRO.earned_per_hour(), 12.0);
        let after = |hours| {
            MICRO.account(CreditMode::Standard, MICRO.at_launch(), SECOND * 3600 * hours, Duration::ZERO)
        };
        assert_eq!(after(1).credits(), 12.0);
        assert_eq!(after(100).credits(), 288.0);
    }

    #[test]
    fn launch_credits_go_first_and_a_stop_gives_them_anew_where_nothing_is_kept() {
        let t2 = CreditTerms {
            vcpus: 1,
            launch_credits: 30,
            kept_at_stop: false,
            default_mode: CreditMode::Standard,
            ..MICRO
        };
        assert_eq!(t2.at_launch().credits(), 30.0);
        let hour = t2.account(CreditMode::Standard, t2.at_launch(), SECOND * 3600, Duration::ZERO);
        let busy = t2.account(CreditMode::Standard, hour, SECOND * 600, SECOND * 600);
        assert_eq!((busy.launch, busy.earned), (21 * CREDIT, 6 * CREDIT));
        assert_eq!(t2.after_stop(busy), t2.at_launch());
        assert_eq!(MICRO.after_stop(busy), busy);
    }

    #[test]
    fn surplus_is_paid_back_before_anything_is_kept() {
        let spent = MICRO.account(CreditMode::Unlimited, MICRO.at_launch(), SECOND * 60, SECOND * 120);
        assert_eq!((spent.credits(), spent.surplus_credits()), (0.0, 1.8));
        assert_eq!(MICRO.allowance(CreditMode::Unlimited, spent, SECOND), None);
        let idle = MICRO.account(CreditMode::Unlimited, spent, SECOND * 600, Duration::ZERO);
        assert_eq!(idle, CreditBalance { earned: 12_000, launch: 0, surplus: 0 });
    }

    #[test]
    fn one_without_credits_is_held_to_its_baseline() {
        let none = CreditBalance::default();
        assert_eq!(MICRO.allowance(CreditMode::Standard, none, SECOND * 5), Some(200));
        let little = CreditBalance { earned: 2_000, ..none };
        assert_eq!(MICRO.allowance(CreditMode::Standard, little, SECOND * 5), Some(600));
        let much = CreditBalance { earned: 9_000, ..none };
        assert_eq!(MICRO.allowance(CreditMode::Standard, much, SECOND * 5), None);
    }

    proptest! {
        /// Whoever uses what is allowed, and no more, never uses more than was earned.
        #[test]
        fn nobody_in_the_standard_mode_spends_more_than_was_earned(
            steps in prop::collection::vec((1u64..20_000, 0u32..=1000), 1..200),
            vcpus in 1u32..9, baseline in 50u32..=400, launch_credits in 0u32..31,
        ) {
            let terms = CreditTerms { vcpus, baseline, launch_credits, ..MICRO };
            let mut balance = terms.at_launch();
            let (mut had, mut used) = (balance.launch, 0);
            for (elapsed, share) in steps {
                let elapsed = Duration::from_millis(elapsed);
                let most = terms.allowance(CreditMode::Standard, balance, elapsed).unwrap_or(vcpus * 1000);
                let step = elapsed.as_millis() as u64 * u64::from(most) / 1000 * u64::from(share) / 1000;
                had += terms.earned_in(elapsed.as_millis() as u64);
                used += step;
                balance = terms.account(CreditMode::Standard, balance, elapsed, Duration::from_millis(step));
                prop_assert!(used <= had, "{used} of {had}");
                prop_assert!(balance.earned <= terms.most() && balance.surplus == 0);
            }
        }
    }
}
