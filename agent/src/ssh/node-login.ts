// How the agent itself enters a guest, for the browser terminal and for files: with the npm package ssh2, which knows no
// OpenSSH certificates, so by a key of the lease's own that the guest takes from the node's address alone. Its line in
// ~/.ssh/authorized_keys says what it is for; a tenant who removes it has closed this way in.
import type { Hex } from 'viem'
import { GUEST_USER, SSH_PORT } from '../domain/guest-config.ts'
import { isGuestAddress, type Subnet } from '../hypervisor/ipv4.ts'
import { AgentError } from '../lib/errors.ts'
import type { GuestLogin } from '../ports/guest-login.ts'
import type { LeaseKeyStore } from '../ports/lease-keys.ts'
import type { VmStore } from '../reconcile/ports.ts'

/**
 * @param network of the guests.
 * @returns a function that resolves to how to enter the guest now.
 * It throws AgentError `guest-not-running`, `guest-login-missing`, `guest-unreachable`; StorageError when the keys cannot be read.
 */
export const makeNodeLogin =
  ({
    keys,
    store,
    network,
  }: {
    keys: Pick<LeaseKeyStore, 'of'>
    store: Pick<VmStore, 'get'>
    network: Subnet
  }) =>
  async (leaseId: Hex): Promise<GuestLogin> => {
    const vm = store.get(leaseId)
    if (vm?.status !== 'Running' || vm.facts === null) {
      throw new AgentError('guest-not-running', 'The guest of this lease is not running, or not ready yet.', {
        hint: 'Look at the status of the lease; start it if it is stopped.',
      })
    }
    const own = await keys.of(leaseId)
    if (own === null) {
      throw new AgentError('guest-login-missing', 'The node holds no key of its own for this guest.', {
        hint: 'A reinstall sets the guest up with one; until then log in over SSH with your own key.',
      })
    }
    const { ipv4, sshHostKey } = vm.facts
    // The guest says by itself where it is: it must not send the node to the node's own ports, or its neighbours'.
    if (!isGuestAddress(network, ipv4)) {
      throw new AgentError(
        'guest-unreachable',
        "The guest reports an address that is not of its node's network.",
        {
          hint: 'Inside the guest, let its first interface have the address that DHCP gives it.',
        },
      )
    }
    return {
      host: ipv4,
      port: SSH_PORT,
      username: GUEST_USER,
      privateKey: own.login.privateKey,
      // As the guest reported it through its guest agent, which no network touches.
      hostKey: sshHostKey,
    }
  }
