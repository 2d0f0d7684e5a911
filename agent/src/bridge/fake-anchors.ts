// Of simulated guests: there is no bridge, and nobody who could pretend.
import type { Anchors } from '../ports/anchors.ts'

/** @param held devices by IP address; given to look into it. */
export const makeFakeAnchors = (held = new Map<string, string>()): Anchors => ({
  hold: async ({ ip, device }) => void (ip !== null && held.set(ip, device)),
  tidy: async () => {},
})
