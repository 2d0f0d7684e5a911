// A market with something in every table: nodes of all kinds, templates, leases at every stage, reviews, collaborators,
// relays, stakes and money on the move.
import { deflateSync } from 'node:zlib'
import { type Hex, keccak256, stringToHex, toHex, zeroAddress } from 'viem'
import { makeLife } from '../../chain/test/life.ts'
import { AGENT, ATTESTERS, KEEPER, type Local, OPERATOR, TENANT } from '../../chain/test/local.ts'

export const OTHER_TENANT = 5
const COLLABORATOR = 8
/** Nobody that the market knows. */
export const STRANGER = 40

export const TEMPLATES = [
  {
    slug: 'postgresql',
    text: 'name: PostgreSQL\ncategory: databases\ntags: [sql, storage]\ndescription: A relational database.\n',
    gpus: 0,
    fee: 50_000n,
  },
  {
    slug: 'stable-diffusion',
    text: 'name: Stable Diffusion\ncategory: ai-ml\ntags: [images, gpu]\ndescription: Paints what it is told.\n',
    gpus: 1,
    fee: 500_000n,
  },
  { slug: 'debian', text: 'name: Debian\ncategory: general\ntags: []\n', gpus: 0, fee: 0n },
] as const

const packed = (text: string): Hex => toHex(deflateSync(Buffer.from(text)))

const makeNodes = async (local: Local) => {
  for (const endpoint of ['https://one.example', 'https://two.example', 'https://three.example'])
    await local.register(endpoint)
  for (const node of [2, 3]) {
    const { address } = local.anvil.account(100 + node)
    await local.anvil.client.setBalance({ address, value: 10n ** 18n })
  }
  const tag = (text: string) => stringToHex(text, { size: 32 })
  await local.registry(OPERATOR, 'setProfile', [1, 'A quiet machine in a cellar', [tag('ssd'), tag('green')]])
  await local.registry(OPERATOR, 'setProfile', [2, 'Graphics cards for rent', [tag('gpu'), tag('SSD')]])
  const dear = { point: 50_000n, memoryGiB: 50_000n, diskGiB: 1_000n, gpu: 200_000n }
  await local.registry(OPERATOR, 'setPrices', [1, dear])
  const big = { pointUnits: 24_000n, memoryMiB: 2_000_000n, diskGiB: 90_000n, gpus: 4 }
  await local.registry(OPERATOR, 'setCapacity', [2, big])
  await local.registry(OPERATOR, 'setNetwork', [
    1,
    {
      peerId: '0x0024080112',
      addresses: ['/ip4/192.0.2.1/tcp/4001'],
      wireguardKey: toHex(9, { size: 32 }),
      behindNat: true,
    },
  ])
}

const makeTemplates = async (local: Local) => {
  for (const { slug, text, gpus, fee } of TEMPLATES) {
    const content = packed(text)
    await local.call(OTHER_TENANT, 'templateRegistry', 'create', [
      slug,
      {
        fee,
        refundWindow: 600,
        minimum: { vcpus: 1, gpus, memoryMiB: 1_024, diskGiB: 10 },
        contentHash: keccak256(content),
        content,
        uri: '',
      },
    ])
  }
}

const attest = async (local: Local) => {
  const { timestamp } = await local.anvil.client.getBlock()
  const day = Number(timestamp / 86_400n) - 1
  // Sixteen nodes a word: node 1 missed 5 beats of 5760, node 2 a tenth of them.
  const word = (6n << 16n) | (577n << 32n)
  for (const attester of ATTESTERS) await local.call(attester, 'reputation', 'attest', [day, 0, [word]])
}

const makeLeases = async (local: Local) => {
  const fingerprint = toHex(7, { size: 32 })
  const life = await makeLife(local, OTHER_TENANT)
  await life.chooseRelay(2)
  const terms = { deposit: 3_000_000n, holdBack: 60 }
  const activate = (id: Hex) => local.escrow(AGENT, 'activate', [id, fingerprint])
  const active = await local.open(TENANT, 1, terms)
  const closed = await local.open(TENANT, 1, terms)
  const assigned = await local.open(TENANT, 1, terms)
  const others = await local.open(OTHER_TENANT, 1, terms)
  const templated = await local.open(TENANT, 1, {
    ...terms,
    ...{ template: 1, templateVersion: 1, maxTemplateFee: 50_000n },
  })
  const requested = await life.request(TENANT, terms)
  for (const id of [active, closed, others, templated]) await activate(id)
  await local.anvil.moveTime(1_200)
  await local.escrow(KEEPER, 'settle', [[active, closed, others]])
  await local.escrow(TENANT, 'close', [closed, zeroAddress])
  await local.escrow(OPERATOR, 'withdrawEarned', [1, local.anvil.account(OPERATOR).address, 1_000n])
  await local.call(TENANT, 'reviews', 'reviewNode', [closed, 5, 'Quick', 'Booted in <20 s> & stayed up'])
  await local.call(OTHER_TENANT, 'reviews', 'reviewNode', [others, 2, 'Slow', ''])
  await local.call(TENANT, 'reviews', 'reviewTemplate', [templated, 4, 'Works', 'äöü ☃'])
  const collaborator = local.anvil.account(COLLABORATOR).address
  await local.call(TENANT, 'leaseAccess', 'grant', [active, collaborator, 2])
  await local.call(COLLABORATOR, 'leaseAccess', 'setSealingKey', [toHex(3, { size: 32 })])
  return { active, closed, assigned, others, templated, requested }
}

export type MarketWorld = Awaited<ReturnType<typeof makeMarketWorld>>

/** Three nodes: 1 dear and behind relay 2, 2 with GPUs; three templates and one of `makeLife`; six leases. */
export const makeMarketWorld = async (local: Local) => {
  await makeNodes(local)
  await local.anvil.client.setBalance({
    address: local.anvil.account(STRANGER).address,
    value: 10n ** 18n,
  })
  for (const tenant of [TENANT, OTHER_TENANT]) await local.fund(tenant, 1_000_000_000n)
  await makeTemplates(local)
  await attest(local)
  return { leases: await makeLeases(local) }
}
