import type { LiveNic } from './hypervisor.ts'

/**
 * Where the host sends what is for a guest: to the guest's own device, whatever another guest on the bridge claims to be.
 * Every method rejects with AgentError `anchor-failed`, at the latest when its deadline passes.
 */
export interface Anchors {
  /** Holding it again is no error, nor is a device that has just gone. */
  hold(nic: Omit<LiveNic, 'bandwidth'>): Promise<void>
  /** Frees what guests have left that are off, whoever held them. */
  tidy(): Promise<void>
}
