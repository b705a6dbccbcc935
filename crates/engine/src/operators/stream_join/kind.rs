//! What the kinds of joins have in common, and in what they differ.

use datafusion::common::JoinType;

/// One of the two inputs of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left = 0,
    Right = 1,
}

impl Side {
    /// The left side first, as everywhere.
    pub(crate) const BOTH: [Self; 2] = [Self::Left, Self::Right];

    /// The side that its rows look for others on.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// The kinds of joins that two streams have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinKind {
    Inner,
    LeftOuter,
    RightOuter,
    FullOuter,
    /// Rows of the left side that meet one of the right, each once.
    LeftSemi,
    /// Rows of the left side that meet none of the right, when they cannot any more.
    LeftAnti,
}

impl JoinKind {
    /// The kind of a join in a plan; `None` if there is none over two streams.
    pub(crate) fn of(join_type: JoinType) -> Option<Self> {
        match join_type {
            JoinType::Inner => Some(Self::Inner),
            JoinType::Left => Some(Self::LeftOuter),
            JoinType::Right => Some(Self::RightOuter),
            JoinType::Full => Some(Self::FullOuter),
            JoinType::LeftSemi => Some(Self::LeftSemi),
            JoinType::LeftAnti => Some(Self::LeftAnti),
            JoinType::RightSemi | JoinType::RightAnti | JoinType::LeftMark | JoinType::RightMark => None,
        }
    }

    /// The same kind in a plan.
    pub(crate) fn join_type(self) -> JoinType {
        match self {
            Self::Inner => JoinType::Inner,
            Self::LeftOuter => JoinType::Left,
            Self::RightOuter => JoinType::Right,
            Self::FullOuter => JoinType::Full,
            Self::LeftSemi => JoinType::LeftSemi,
            Self::LeftAnti => JoinType::LeftAnti,
        }
    }

    /// Rows of this side that meet nothing are in the result, with NULL in what it shows of the other side.
    pub(crate) fn is_outer(self, side: Side) -> bool {
        match side {
            Side::Left => matches!(self, Self::LeftOuter | Self::FullOuter | Self::LeftAnti),
            Side::Right => matches!(self, Self::RightOuter | Self::FullOuter),
        }
    }

    /// Rows of this side need not be kept when they have met another.
    pub(crate) fn leaves_once(self, side: Side) -> bool {
        matches!(self, Self::LeftSemi | Self::LeftAnti) && side == Side::Left
    }

    /// The result has the columns of the left side alone.
    pub(crate) fn gives_one_side(self) -> bool {
        matches!(self, Self::LeftSemi | Self::LeftAnti)
    }

    /// A row of this side is in the result by itself, where it meets others or meets none.
    pub(crate) fn shows(self, side: Side, meets_others: bool) -> bool {
        match self {
            Self::LeftSemi => side == Side::Left && meets_others,
            _ => self.is_outer(side) && !meets_others,
        }
    }
}
