// The program itself holds nothing: who is logged in is known to api.js, what is being ordered to its page.
App({})
