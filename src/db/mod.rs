//! Ground: one connection type over two databases.
