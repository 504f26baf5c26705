//! Projection workers that open their log by its address.
