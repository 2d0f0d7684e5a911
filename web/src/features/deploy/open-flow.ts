// Opening a lease: a signature and one transaction where the token knows permits, an approval and a transaction
// where it does not, one transaction where the money is there already, and a signature alone where a sponsor sends it.
import { leaseEscrowAbi } from '@decloud/protocol/abi/index'
import { DecloudError } from '@decloud/protocol/errors'
import type { Terms } from '@decloud/protocol/lease'
import { openAuthorization } from '@decloud/protocol/mandates'
import { erc20Abi, type Hex, hexToNumber, size, slice } from 'viem'
import { getBlock, getChainId, readContract, signTypedData } from 'viem/actions'
import { usdc } from '../../data/format.ts'
import { CommitmentVoid, type Flow, type FlowEnv, type FlowStep } from '../../flows/flow.ts'
import { assertNetwork, included, send } from '../../flows/send.ts'
import { carryOut, signerHere, stillGood } from '../../flows/sponsored.ts'
import type { Payment } from './payment.ts'
import { permitTypes } from './permit.ts'

export type OpenParams = { leaseId: Hex; terms: Terms; manifest: Hex; payment: Payment }

const isOpen = async (env: FlowEnv, params: OpenParams) => {
  const lease = await readContract(env.runtime.client, {
    address: env.runtime.config.leaseEscrow,
    abi: leaseEscrowAbi,
    functionName: 'leaseOf',
    args: [params.leaseId],
  })
  return lease.status !== 0
}

const isAllowed = async (env: FlowEnv, params: OpenParams) => {
  const { client, config } = env.runtime
  const allowance = await readContract(client, {
    address: config.usdc,
    abi: erc20Abi,
    functionName: 'allowance',
    args: [params.terms.tenant, config.leaseEscrow],
  })
  return allowance >= params.terms.deposit
}

const isPaidFor = async (env: FlowEnv, params: OpenParams) =>
  (await isOpen(env, params)) || (await isAllowed(env, params))

const permit: FlowStep<OpenParams> = {
  id: 'permit',
  title: 'Sign the payment',
  achieved: isPaidFor,
  commit: async (env, { terms, payment }) => {
    if (payment.from !== 'permit') throw wrongPayment()
    const signer = await env.signer()
    await assertNetwork(env, await getChainId(signer))
    const { domain, nonce, deadline } = payment
    return signTypedData(signer, {
      domain,
      types: permitTypes,
      primaryType: 'Permit',
      message: {
        owner: terms.tenant,
        spender: env.runtime.config.leaseEscrow,
        value: terms.deposit,
        nonce,
        deadline,
      },
    })
  },
  verify: async (env, { payment }) => {
    const { timestamp } = await getBlock(env.runtime.client)
    if (payment.from !== 'permit' || payment.deadline > timestamp) return
    throw new CommitmentVoid(
      new DecloudError('permit-expired', 'The signed payment has expired.', {
        hint: 'Discard this lease and deploy again; nothing was paid.',
      }),
    )
  },
}

const authorize: FlowStep<OpenParams> = {
  id: 'authorize',
  title: 'Sign the lease and its payment',
  achieved: isOpen,
  commit: async (env, { terms, payment }) => {
    if (payment.from !== 'authorization') throw wrongPayment()
    const { domain, validAfter, validBefore } = payment
    const typed = openAuthorization(domain, env.runtime.config.leaseEscrow, terms, {
      validAfter,
      validBefore,
    })
    return signTypedData(await signerHere(env), typed)
  },
  verify: (env, { payment }) => stillGood(env, payment.from === 'authorization' ? payment.validBefore : 0n),
}

const openSponsored: FlowStep<OpenParams> = {
  id: 'open',
  title: 'Open the lease',
  meanwhile: 'Sending it for you',
  achieved: isOpen,
  commit: (env, { terms, manifest, payment }, earlier) => {
    const signature = earlier['authorize']
    if (payment.from !== 'authorization' || signature === undefined) throw wrongPayment()
    const { validAfter, validBefore } = payment
    return carryOut(
      env,
      { kind: 'open', body: { terms, manifest, validAfter, validBefore, signature } },
      {
        address: env.runtime.config.leaseEscrow,
        abi: leaseEscrowAbi,
        functionName: 'openWithAuthorization',
        args: [terms, manifest, validAfter, validBefore, signature],
      },
    )
  },
  verify: async (env, _, hash) => included(env, hash),
}

const approve: FlowStep<OpenParams> = {
  id: 'approve',
  title: 'Allow the payment',
  achieved: isPaidFor,
  commit: (env, { terms }) =>
    send(env, {
      address: env.runtime.config.usdc,
      abi: erc20Abi,
      functionName: 'approve',
      args: [env.runtime.config.leaseEscrow, terms.deposit],
    }),
  verify: async (env, params, hash) => {
    await included(env, hash)
    if (await isPaidFor(env, params)) return
    throw new CommitmentVoid(
      new DecloudError('allowance-missing', 'The wallet allowed less than the deposit.', {
        hint: `Try again and allow ${usdc(params.terms.deposit)} USDC.`,
      }),
    )
  },
}

const open: FlowStep<OpenParams> = {
  id: 'open',
  title: 'Open the lease',
  achieved: isOpen,
  commit: (env, { terms, manifest, payment }, earlier) => {
    const escrow = { address: env.runtime.config.leaseEscrow, abi: leaseEscrowAbi } as const
    if (payment.from === 'balance') {
      return send(env, { ...escrow, functionName: 'openFromBalance', args: [terms, manifest] })
    }
    const signature = earlier['permit']
    if (payment.from !== 'permit' || signature === undefined) {
      return send(env, { ...escrow, functionName: 'open', args: [terms, manifest] })
    }
    const { v, r, s } = splitSignature(signature)
    return send(env, {
      ...escrow,
      functionName: 'openWithPermit',
      args: [terms, manifest, payment.deadline, v, r, s],
    })
  },
  verify: async (env, _, hash) => included(env, hash),
}

/** @throws DecloudError `signature-unusable` for anything but 65 bytes: the account is not a plain key. */
const splitSignature = (signature: Hex): { r: Hex; s: Hex; v: number } => {
  if (size(signature) !== 65) {
    throw new DecloudError(
      'signature-unusable',
      'The wallet signed in a form that USDC permits do not take.',
      {
        hint: 'Discard this lease, allow USDC to the escrow in your wallet, and deploy again.',
      },
    )
  }
  const parity = hexToNumber(slice(signature, 64))
  return {
    r: slice(signature, 0, 32),
    s: slice(signature, 32, 64),
    v: parity < 27 ? parity + 27 : parity,
  }
}

const wrongPayment = () => new DecloudError('payment-kind', 'This lease is not paid by permit.')

const STEPS: Readonly<Record<Payment['from'], readonly FlowStep<OpenParams>[]>> = {
  authorization: [authorize, openSponsored],
  permit: [permit, open],
  approval: [approve, open],
  allowance: [open],
  balance: [open],
}

export const openFlow: Flow<OpenParams> = {
  kind: 'open',
  steps: ({ payment }) => STEPS[payment.from],
}
