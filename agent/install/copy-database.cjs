// node copy-database.cjs FROM TO: copies a database that another process writes to, as it is at one moment.
const Database = require('better-sqlite3')

const [from, to] = process.argv.slice(2)
process.umask(0o077)
const database = new Database(from, { fileMustExist: true })
database.backup(to).then(
  () => database.close(),
  (error) => {
    console.error(`${from} could not be copied to ${to}: ${error.message}`)
    process.exitCode = 1
  },
)
