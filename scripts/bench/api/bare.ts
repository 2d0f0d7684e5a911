// The peer: fastify with one route that answers a constant.
import Fastify from 'fastify'

const body = process.argv[2] ?? ''
const app = Fastify()
app.get('/', (_, reply) => {
  reply.header('content-type', 'application/json; charset=utf-8').send(body)
})
const url = await app.listen({ host: '127.0.0.1', port: 0 })
process.on('message', (message) => {
  if (message === 'cpu') {
    const { user, system } = process.cpuUsage()
    process.send?.({ microseconds: user + system })
  } else process.disconnect()
})
process.once('disconnect', () => void app.close())
process.send?.({ kind: 'up', url })
