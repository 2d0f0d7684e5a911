// Acts → calls of the contracts, from their ABIs.
import {
  DecloudError,
  type Deployment,
  leaseEscrowAbi,
  nodeRegistryAbi,
  reviewsAbi,
  templateRegistryAbi,
} from '@decloud/protocol'
import type { PrepareBody, PreparedAct } from '@decloud/protocol/wire/api'
import { type Address, encodeFunctionData, type Hex, stringToHex } from 'viem'

type Prepared = { to: Address; data: Hex }
type Prepare<act extends PreparedAct> = (deployment: Deployment, body: PrepareBody<act>) => Prepared

const WORD_BYTES = 32

/** @throws DecloudError `contract-missing`. */
const present = (address: Address | undefined, name: string): Address => {
  if (address !== undefined) return address
  throw new DecloudError('contract-missing', `This deployment has no ${name}.`, {
    hint: 'Ask a keeper of a deployment that has one.',
  })
}

const review =
  (functionName: 'reviewNode' | 'reviewTemplate') =>
  ({ reviews }: Deployment, { leaseId, stars, title, comment }: PrepareBody<'review-node'>): Prepared => ({
    to: present(reviews, 'reviews'),
    data: encodeFunctionData({ abi: reviewsAbi, functionName, args: [leaseId, stars, title, comment] }),
  })

const publish: Prepare<'publish'> = ({ templateRegistry }, { slug, template, from: _, ...draft }) => {
  const to = present(templateRegistry, 'template registry')
  const abi = templateRegistryAbi
  const data =
    slug === undefined
      ? encodeFunctionData({ abi, functionName: 'publish', args: [template ?? 0, draft] })
      : encodeFunctionData({ abi, functionName: 'create', args: [slug, draft] })
  return { to, data }
}

const PREPARE: { [act in PreparedAct]: Prepare<act> } = {
  profile: ({ nodeRegistry }, { node, description, tags }) => {
    const words = tags.map((tag) => stringToHex(tag, { size: WORD_BYTES }))
    const args = [node, description, words] as const
    return {
      to: nodeRegistry,
      data: encodeFunctionData({ abi: nodeRegistryAbi, functionName: 'setProfile', args }),
    }
  },
  pricing: ({ nodeRegistry }, { node, prices }) => ({
    to: nodeRegistry,
    data: encodeFunctionData({ abi: nodeRegistryAbi, functionName: 'setPrices', args: [node, prices] }),
  }),
  publish,
  open: ({ leaseEscrow }, { terms, manifest }) => ({
    to: leaseEscrow,
    data: encodeFunctionData({ abi: leaseEscrowAbi, functionName: 'open', args: [terms, manifest] }),
  }),
  'review-node': review('reviewNode'),
  'review-template': review('reviewTemplate'),
}

/** @throws DecloudError `contract-missing` where the deployment has no such contract. */
export const prepareCall = <act extends PreparedAct>(
  deployment: Deployment,
  act: act,
  body: PrepareBody<act>,
): Prepared => PREPARE[act](deployment, body)
