// What a tenant sends to the agent of its node: `POST /v1/leases/<leaseId>/orders` and `…/close`. Each request carries
// its own signature, so it may come from anywhere.
import type { Hex } from 'viem'
import { z } from 'zod'
import { ORDER_ACTIONS } from '../order.ts'
import { addressParam, wordText } from './api/values.ts'
import { signatureText, sponsorBodies } from './sponsor.ts'

/** See `orderTypedData`: these and the lease in the path are what is signed. */
export const orderBodySchema = z
  .strictObject({
    node: z.int().min(1).max(0xffff_ffff),
    action: z.enum(ORDER_ACTIONS),
    from: wordText
      .transform((text) => text.toLowerCase() as Hex)
      .nullable()
      .default(null),
    /** Unix milliseconds. */
    issuedAt: z
      .int()
      .min(1)
      .max(2 ** 50),
    /** Unix seconds. */
    notAfter: z
      .int()
      .min(1)
      .max(2 ** 40),
    /** The tenant, or a Manager; an account with a key, or a wallet contract (ERC-1271). */
    signer: addressParam,
    signature: signatureText,
  })
  .refine(({ action, from }) => from === null || action === 'Restore', 'only a Restore names another lease')
export type OrderBody = z.output<typeof orderBodySchema>

/** What the tenant signs for `LeaseMandates.closeBySig`; see `closeMandate`. */
export const closeBodySchema = sponsorBodies.close.omit({ leaseId: true })
export type CloseBody = z.output<typeof closeBodySchema>

/** The mandate is kept and its transaction is on the way; the chain says when the lease has ended. */
export const closeAcceptedSchema = z.strictObject({ leaseId: wordText, accepted: z.literal(true) })
