// What registries and policy refuse.
import { only, outOf, type Refusals, usdc } from './shape.ts'

export const marketRefusals: Refusals<'NodeRegistry' | 'PricePolicy' | 'TemplateRegistry'> = {
  PricePolicy_UnknownTier: (tier) => [`There is no quality tier ${tier}.`, 'Choose one from 0 to 3.'],
  PricePolicy_UnknownBandwidth: (bandwidth) => [
    `There is no bandwidth tier ${bandwidth}.`,
    'Choose one from 0 to 3.',
  ],
  PricePolicy_OutOfRange: outOf,
  NodeRegistry_PriceBelowFloor: (resource, price, floor) => [
    `${usdc(price)} an hour for ${resource} is under the platform's floor of ${usdc(floor)}.`,
    'Ask for the floor or more, or set no prices to take the defaults.',
  ],
  NodeRegistry_NodeIdTaken: (nodeId, node) => [
    `This machine is registered already: node ${node} has the id ${nodeId}.`,
    'Change that node, or register another machine.',
  ],
  NodeRegistry_UnknownNode: (node) => [`There is no node ${node}.`, 'Check the index.'],
  NodeRegistry_NotOperator: (node, operator, caller) =>
    only(`the operator of node ${node}`, operator, caller),
  NodeRegistry_NotPendingOperator: (node, pending, caller) =>
    only(`the account proposed as operator of node ${node}`, pending, caller),
  NodeRegistry_AgentTaken: (agent, node) => [
    `The agent key ${agent} serves node ${node}.`,
    'Make a key for this node alone.',
  ],
  NodeRegistry_AgentIsOperator: (agent) => [
    `${agent} operates the node: its agent's key is online all the time and must be another.`,
    'Make a key for the agent.',
  ],
  NodeRegistry_RelayUnavailable: (relay, used, capacity) => [
    `Node ${relay} cannot relay for this one: ${used} of ${capacity} places are taken, or one of the two is a relay or behind one already.`,
    'Choose another relay.',
  ],
  NodeRegistry_BadSignature: (auditor) => [
    `The signature is not that of ${auditor} over this attribute.`,
    'Send exactly what the auditor signed, for this registry and this chain.',
  ],
  NodeRegistry_FieldOutOfRange: outOf,
  TemplateRegistry_BadSlug: (slug) => [`"${slug}" is no slug.`, 'Write 3 to 40 of a to z, 0 to 9 and dash.'],
  TemplateRegistry_SlugTaken: (slug, template) => [
    `"${slug}" is the slug of template ${template}.`,
    'Choose another.',
  ],
  TemplateRegistry_UnknownTemplate: (template) => [`There is no template ${template}.`, 'Check the index.'],
  TemplateRegistry_UnknownVersion: (template, version) => [
    `Template ${template} has no version ${version}.`,
    'Check the number of the version.',
  ],
  TemplateRegistry_NotAuthor: (template, author, caller) =>
    only(`the author of template ${template}`, author, caller),
  TemplateRegistry_NotPendingAuthor: (template, pending, caller) =>
    only(`the account proposed as author of template ${template}`, pending, caller),
  TemplateRegistry_HashMismatch: (contentHash, actual) => [
    `The content hashes to ${actual}, not to ${contentHash}.`,
    'Hash exactly what is sent.',
  ],
  TemplateRegistry_ContentAndUri: () => [
    'The content is given inline and by a URI, or in neither way.',
    'Give one of the two.',
  ],
  TemplateRegistry_FieldOutOfRange: outOf,
}
