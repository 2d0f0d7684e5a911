import type { Hex } from 'viem'
import type { LiveNic } from './hypervisor.ts'

/**
 * Where the host sends what is for a guest: to the guest's own device, whatever another guest on the bridge claims to be.
 * Every method rejects with AgentError `anchor-failed`, at the latest when its deadline passes.
 */
export interface Anchors {
  /** Holding it again is no error, nor is a device that has just gone. */
  hold(leaseId: Hex, nic: Omit<LiveNic, 'bandwidth'>): Promise<void>
  /** Frees what a guest that is off has left. No error if there is nothing. */
  release(leaseId: Hex): Promise<void>
}
