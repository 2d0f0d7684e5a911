// The logs of a template registry: who wrote what, and for which fee.
import type { templateRegistryAbi } from '@decloud/protocol'
import { getAddress, keccak256, zeroAddress } from 'viem'
import { type Books, must, type Place, type TemplateShelf } from '../books.ts'
import type { Handlers } from './handlers.ts'

const shelfOf = (books: Books, { emitter }: Place): TemplateShelf => {
  const registry = getAddress(emitter)
  const known = books.shelves.get(registry) ?? { templates: new Map(), versions: new Map() }
  books.shelves.set(registry, known)
  return known
}

const templateOf = (books: Books, place: Place, template: number) => {
  const book = shelfOf(books, place).templates.get(template)
  if (book === undefined) must(books, place, `template ${template}`, 'created before', true, false)
  return book
}

export const templatesFold: Handlers<typeof templateRegistryAbi> = {
  TemplateCreated: (books, { template, author, slug }, place) => {
    const { templates } = shelfOf(books, place)
    must(books, place, `template ${template}`, 'index', templates.size + 1, template)
    templates.set(template, { slug, author, pendingAuthor: zeroAddress, versions: 0, archived: false })
  },
  VersionPublished: (books, args, place) => {
    const book = templateOf(books, place, args.template)
    if (book === undefined) return
    const subject = `template ${args.template}`
    must(books, place, subject, 'VersionPublished.version', book.versions + 1, args.version)
    // Content that is elsewhere is checked by whoever fetches it.
    if (args.content !== '0x')
      must(books, place, subject, 'contentHash', keccak256(args.content), args.contentHash)
    book.versions = args.version
    const { contentHash, fee, refundWindow, minimum } = args
    shelfOf(books, place).versions.set(`${args.template} ${args.version}`, {
      ...{ contentHash, fee, refundWindow: BigInt(refundWindow), minimum },
      publishedIn: place.block,
      archived: false,
    })
  },
  TemplateArchivedChanged: (books, { template, archived }, place) => {
    const book = templateOf(books, place, template)
    if (book !== undefined) book.archived = archived
  },
  VersionArchivedChanged: (books, { template, version, archived }, place) => {
    const book = shelfOf(books, place).versions.get(`${template} ${version}`)
    must(books, place, `template ${template}`, `version ${version} was published`, true, book !== undefined)
    if (book !== undefined) book.archived = archived
  },
  AuthorProposed: (books, { template, proposed }, place) => {
    const book = templateOf(books, place, template)
    if (book !== undefined) book.pendingAuthor = proposed
  },
  AuthorChanged: (books, { template, author }, place) => {
    const book = templateOf(books, place, template)
    if (book === undefined) return
    must(books, place, `template ${template}`, 'AuthorChanged.author', book.pendingAuthor, author)
    Object.assign(book, { author, pendingAuthor: zeroAddress })
  },
}
