import { sshCertificateRequestSchema, sshCertificateSchema } from '@decloud/protocol/wire/ssh'
import type { ApiDeps, App } from '../deps.ts'
import { requireLease, visitorOf } from '../guard.ts'
import { SECURITY } from '../security.ts'
import { leaseParams } from './params.ts'

const PROBLEMS = ['ssh-key-refused', 'ssh-authority-missing', 'ssh-keygen-missing', 'rate-limited']

export const sshRoute = (app: App, deps: ApiDeps) => {
  app.post(
    '/v1/leases/:leaseId/ssh-certificate',
    {
      ...requireLease(deps, 'use', { problems: PROBLEMS }),
      schema: {
        tags: ['ssh'],
        summary: 'A certificate of one hour for a public key, and how to log in with it',
        security: SECURITY.session,
        params: leaseParams,
        body: sshCertificateRequestSchema,
        response: { 200: sshCertificateSchema },
      },
    },
    async (request) => {
      const { address: wallet, leaseId } = visitorOf(request)
      return deps.certificates.issue({ leaseId, wallet, publicKey: request.body.publicKey })
    },
  )
}
