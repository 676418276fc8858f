//! How a component says in types what it consumes, and gets it.

use std::any::{TypeId, type_name};
use std::sync::Arc;

use super::node::Node;
use super::watch::Watch;

/// What a component lends to others: a cheap clone of something shared.
pub trait Handle: Clone + Send + Sync + 'static {}

/// A component without anything to lend provides this.
impl Handle for () {}

/// All that one component consumes: a tuple of [`Wanted`] handles.
pub trait Consumes: Send + Sized + 'static {
    fn needs() -> Vec<Need>;
    fn take(lender: &Lender<'_>) -> Option<Self>;
}

/// One member of that tuple: a handle, or `Option` of a handle.
pub trait Wanted: Send + Sized + 'static {
    fn need() -> Option<Need>;
    fn take(lender: &Lender<'_>) -> Option<Self>;
}

#[derive(Debug, Clone, Copy)]
pub struct Need {
    pub(super) handle: TypeId,
    pub(super) label: &'static str,
    pub(super) optional: bool,
}

/// Gives handles to a component's own [`Consumes`], and to nobody else.
pub struct Lender<'a> {
    pub(super) nodes: &'a [Arc<Node>],
    pub(super) watch: &'a Watch,
}

impl Lender<'_> {
    fn lend<H: Handle>(&self) -> Option<H> {
        let provider = self.nodes.iter().find(|node| node.provides == TypeId::of::<H>())?;
        provider.lent()?.handle.downcast_ref::<H>().cloned()
    }
}

impl Need {
    fn of<H: Handle>(optional: bool) -> Self {
        Self { handle: TypeId::of::<H>(), label: label::<H>(), optional }
    }
}

impl<H: Handle> Wanted for H {
    fn need() -> Option<Need> {
        Some(Need::of::<H>(false))
    }

    fn take(lender: &Lender<'_>) -> Option<Self> {
        lender.lend()
    }
}

/// `None` if nobody provides it, or its provider is optional and could not be initialised.
impl<H: Handle> Wanted for Option<H> {
    fn need() -> Option<Need> {
        Some(Need::of::<H>(true))
    }

    fn take(lender: &Lender<'_>) -> Option<Self> {
        Some(lender.lend())
    }
}

/// The kernel lends this one itself, to whoever answers questions about the components.
impl Wanted for Watch {
    fn need() -> Option<Need> {
        None
    }

    fn take(lender: &Lender<'_>) -> Option<Self> {
        Some(lender.watch.clone())
    }
}

macro_rules! tuples {
    ($(($($member:ident),*))*) => {
        $(impl<$($member: Wanted),*> Consumes for ($($member,)*) {
            fn needs() -> Vec<Need> {
                let needs: Vec<Option<Need>> = vec![$($member::need()),*];
                needs.into_iter().flatten().collect()
            }

            fn take(_lender: &Lender<'_>) -> Option<Self> {
                Some(($($member::take(_lender)?,)*))
            }
        })*
    };
}

tuples! {
    () (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) (A, B, C, D, E, F, G)
    (A, B, C, D, E, F, G, H) (A, B, C, D, E, F, G, H, I) (A, B, C, D, E, F, G, H, I, J)
    (A, B, C, D, E, F, G, H, I, J, K) (A, B, C, D, E, F, G, H, I, J, K, L)
}

/// `Mailer` for `doorward::components::mail::Mailer`.
pub(super) fn label<T>() -> &'static str {
    let path = type_name::<T>();
    path.rsplit("::").next().unwrap_or(path)
}
