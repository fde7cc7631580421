/*
 * server.js MODULES SDK TOKEN AESKEY APPID: a back end of an account in safe mode, made with an SDK of
 * somebody else.  It prints its port, and a line of JSON for each message that the SDK has accepted;
 * it answers "pong CONTENT".
 */
'use strict';

const path = require('path');
const [modules, sdk, token, aesKey, appid] = process.argv.slice(2);
const load = name => require(path.join(modules, name));

function answer(message) {
	console.log(JSON.stringify(message));
	return 'pong ' + message.Content;
}

/* co-wechat is for Koa. */
function coWechat() {
	const Koa = load('koa'), wechat = load('co-wechat');
	const app = new Koa();

	app.silent = true;
	app.use(wechat({ token, appid, encodingAESKey: aesKey }).middleware(
	    async message => answer(message)));
	return app.callback();
}

/* node-easywechat takes the request of Node itself. */
function easyWechat() {
	const { OfficialAccount, ServerRequest } = load('node-easywechat');

	return (req, res) => {
		const parts = [];

		req.on('data', part => parts.push(part));
		req.on('end', async () => {
			try {
				const app = new OfficialAccount({ app_id: appid, secret: 'none', token,
				    aes_key: aesKey });
				app.setRequest(await ServerRequest.createFromIncomingMessage(req,
				    Buffer.concat(parts)));
				const server = app.getServer();
				server.addMessageListener('text', message =>
				    answer(message.attributes || message));
				const response = await server.serve();
				res.writeHead(response.getStatusCode(), response.getHeaders());
				res.end(response.getBody());
			} catch (e) {
				console.error(e);
				res.writeHead(500);
				res.end(String(e));
			}
		});
	};
}

const server = require('http').createServer({ 'co-wechat': coWechat,
    'node-easywechat': easyWechat }[sdk]());

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
