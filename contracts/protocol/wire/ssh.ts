// SSH certificates: what a tenant or collaborator asks the node of a lease for, and gets.
//   POST /v1/leases/:leaseId/ssh-certificate   SshCertificateRequest → SshCertificate
import { z } from 'zod'
import { leaseStatusSchema } from './node.ts'

export const sshCertificateRequestSchema = z.strictObject({
  /** One line of a `.pub` file. The private half never leaves whoever asks. */
  publicKey: z.string().max(8_192),
})
export type SshCertificateRequest = z.output<typeof sshCertificateRequestSchema>

export const sshCertificateSchema = z.strictObject({
  /** One line, for a file that is named like the key with `-cert.pub`: ssh finds it beside the key. */
  certificate: z.string(),
  /** Names the wallet and the lease; the guest's log shows it at each login. */
  keyId: z.string(),
  /** Decimal, 64 bits. */
  serial: z.string().regex(/^\d{1,20}$/),
  principals: z.array(z.string()),
  /** Unix seconds. */
  validAfter: z.int().nonnegative(),
  validBefore: z.int().nonnegative(),
  /** Where to log in, and the host key to pin; null while the guest is not there. */
  ssh: leaseStatusSchema.shape.ssh,
})
export type SshCertificate = z.output<typeof sshCertificateSchema>
