// What keeper and agent know of gossip: bytes go out, bytes come in and are judged before anybody else gets them.

/**
 * `accept`: heard, and passed on. `ignore`: dropped without blame (late, known already, not understood yet). `reject`:
 * nobody honest could have passed this on, and the peer that did is scored down for it.
 */
export type Verdict = 'accept' | 'ignore' | 'reject'

/**
 * Judges one message; called for one message of a peer at a time, so that a peer that floods waits for itself.
 * @param from the peer it came from, which need not be its author.
 */
export type Ear = (message: Uint8Array, from: string) => Promise<Verdict>

export type Gossip = {
  readonly peerId: string
  /** Where others can reach this one, peer id included; none when it does not listen. */
  addresses(): readonly string[]
  /** Connected peers that hear this topic. */
  listeners(): number
  /**
   * Hands a message to everybody connected who hears the topic; they pass it on.
   * @returns how many it was handed to. 0 when nobody hears, or when the message has been round already.
   */
  publish(message: Uint8Array): Promise<number>
  /** Leaves; safe to call twice. */
  close(): Promise<void>
}

export type GossipOptions = {
  topic: string
  /** Absent: publishes only, and is sent nothing. */
  ear?: Ear
  /** Addresses to listen on; none: dials out only. */
  listen: readonly string[]
  /** Addresses to stay connected to: dialled, and dialled again. */
  bootstrap: readonly string[]
  /** Told about dials and messages that failed; nothing ends because of it. */
  onError?(error: unknown): void
}
