//! What people see of a state: text, what each seat sees of it, and a picture as a list of shapes.
//!
//! A picture is data: rules say which shapes lie where, whoever shows it makes pixels of them. All coordinates are pixels from the upper left
//! corner, later shapes lie on earlier ones, and what lies outside is cut off.

/// One state for people who look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portrait {
    /// The whole of it as lines of text.
    pub text: String,
    /// What each seat sees as lines of text, `[seats]`; `None` for a seat that sees what `text` shows.
    pub views: Vec<Option<String>>,
    /// Drawn; `None` for rules that draw nothing.
    pub picture: Option<Picture>,
}

/// Shapes on a background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels from left to right.
    pub width: u16,
    /// Pixels from top to bottom.
    pub height: u16,
    /// Where no shape lies.
    pub background: Colour,
    /// From back to front.
    pub shapes: Vec<Shape>,
}

/// A coloured thing in a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A filled rectangle.
    Rectangle {
        /// Upper left corner.
        at: [i32; 2],
        /// Width and height.
        size: [i32; 2],
        /// Its colour.
        colour: Colour,
    },
    /// A filled disc.
    Disc {
        /// Centre.
        at: [i32; 2],
        /// From the centre to the rim.
        radius: i32,
        /// Its colour.
        colour: Colour,
    },
    /// A straight line with round ends.
    Line {
        /// One end.
        from: [i32; 2],
        /// The other.
        to: [i32; 2],
        /// Its thickness.
        width: i32,
        /// Its colour.
        colour: Colour,
    },
    /// A line of capital letters, digits and `+-.,:/`, in a grid of 3 x 5 dots each; anything else is a gap.
    Text {
        /// Upper left corner.
        at: [i32; 2],
        /// Pixels per dot.
        dot: i32,
        /// What it says.
        text: String,
        /// Its colour.
        colour: Colour,
    },
}

impl Picture {
    /// An empty picture.
    pub fn new(width: u16, height: u16, background: Colour) -> Self {
        Self {
            width,
            height,
            background,
            shapes: Vec::new(),
        }
    }
    /// Adds a [`Shape::Rectangle`].
    pub fn rectangle(&mut self, at: [i32; 2], size: [i32; 2], colour: Colour) {
        self.shapes.push(Shape::Rectangle { at, size, colour });
    }
    /// Adds a [`Shape::Disc`].
    pub fn disc(&mut self, at: [i32; 2], radius: i32, colour: Colour) {
        self.shapes.push(Shape::Disc { at, radius, colour });
    }
    /// Adds a [`Shape::Line`].
    pub fn line(&mut self, from: [i32; 2], to: [i32; 2], width: i32, colour: Colour) {
        self.shapes.push(Shape::Line {
            from,
            to,
            width,
            colour,
        });
    }
    /// Adds a [`Shape::Text`].
    pub fn text(&mut self, at: [i32; 2], dot: i32, text: impl Into<String>, colour: Colour) {
        let text = text.into();
        self.shapes.push(Shape::Text { at, dot, text, colour });
    }
}

/// The colours of all pictures: few, so that an animation needs one short palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // named as they look
pub enum Colour {
    Black,
    Charcoal,
    Grey,
    Silver,
    White,
    Sand,
    Tan,
    Brown,
    Red,
    Orange,
    Yellow,
    Lime,
    Green,
    Teal,
    Cyan,
    Blue,
    Navy,
    Purple,
    Pink,
    Rose,
}

/// Red, green and blue of every colour, in the order of [`Colour`].
pub const PALETTE: [[u8; 3]; 20] = [
    [0x10, 0x10, 0x14],
    [0x3a, 0x3c, 0x42],
    [0x80, 0x84, 0x8c],
    [0xc4, 0xc8, 0xce],
    [0xfa, 0xfa, 0xf7],
    [0xef, 0xe6, 0xd2],
    [0xc9, 0xa8, 0x78],
    [0x8a, 0x5a, 0x34],
    [0xd6, 0x3b, 0x34],
    [0xee, 0x8a, 0x2e],
    [0xf3, 0xcd, 0x3c],
    [0x9c, 0xcf, 0x4a],
    [0x3f, 0x97, 0x4e],
    [0x2b, 0x8c, 0x8c],
    [0x5c, 0xc6, 0xdc],
    [0x3f, 0x78, 0xd4],
    [0x27, 0x3f, 0x80],
    [0x8b, 0x56, 0xb5],
    [0xe8, 0x86, 0xb4],
    [0xb8, 0x3a, 0x6c],
];

impl Colour {
    /// Its place in [`PALETTE`].
    pub fn index(self) -> u8 {
        self as u8
    }
}
