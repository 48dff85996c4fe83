// Placeholder until the room's tests are written.
