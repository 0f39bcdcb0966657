//! How a framework hands over the raw bytes of a body: what to write where it parsed them before they were verified.

use serde::Serialize;

use super::cause::Cause;

/// Code for one framework.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Snippet {
    /// The framework's own name.
    pub framework: &'static str,
    /// What to write; `verify` stands for the merchant's own check of the signature.
    pub code: &'static str,
}

/// The snippets, where a cause is one that frameworks make of bodies that they received; else none.
pub(super) fn for_received(causes: &[Cause]) -> &'static [Snippet] {
    const MADE: [Cause; 13] = [
        Cause::BodyEmpty,
        Cause::BodyTruncated,
        Cause::BodyJsonSpacing,
        Cause::BodyJsonKeyOrder,
        Cause::BodyJsonNumberForm,
        Cause::BodyJsonUnicodeEscapes,
        Cause::BodyJsonSlashEscapes,
        Cause::BodyObjectString,
        Cause::BodyOuterWhitespace,
        Cause::BodyBom,
        Cause::BodyCharsetWrong,
        Cause::BodyKeysRenamed,
        Cause::SignStringUnexplained,
    ];
    if causes.iter().any(|cause| MADE.contains(cause)) { RAW_BODY } else { &[] }
}

/// One for each framework that reference 15.2 has complaints about, and those like them.
const RAW_BODY: &[Snippet] = &[
    Snippet {
        framework: "Express",
        code: "// before app.use(express.json()), or the body is parsed already
app.post('/notify', express.raw({ type: '*/*', limit: '64kb' }), (req, res) => {
  const body = req.body; // Buffer: the bytes as they came
  if (!verify(req.headers, body)) return res.status(401).end();
  const notification = JSON.parse(body.toString('utf8'));
  res.status(204).end();
});",
    },
    Snippet {
        framework: "Koa",
        code: "// before app.use(bodyParser()); or take ctx.request.rawBody of koa-bodyparser
router.post('/notify', async (ctx) => {
  const chunks = [];
  for await (const chunk of ctx.req) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  if (!verify(ctx.headers, body)) return ctx.throw(401);
  const notification = JSON.parse(body.toString('utf8'));
  ctx.status = 204;
});",
    },
    Snippet {
        framework: "Nest",
        code: "const app = await NestFactory.create(AppModule, { rawBody: true });

@Post('notify')
@HttpCode(204)
notify(@Req() req: RawBodyRequest<Request>) {
  const body = req.rawBody; // Buffer: not @Body(), which is parsed
  if (!verify(req.headers, body)) throw new UnauthorizedException();
  const notification = JSON.parse(body.toString('utf8'));
}",
    },
    Snippet {
        framework: "Spring",
        code: "@PostMapping(\"/notify\")
public ResponseEntity<Void> notify(@RequestHeader HttpHeaders headers, @RequestBody byte[] body) {
    // byte[]: no converter and no charset comes between
    if (!verify(headers, body)) return ResponseEntity.status(401).build();
    JsonNode notification = new ObjectMapper().readTree(body);
    return ResponseEntity.noContent().build();
}",
    },
    Snippet {
        framework: "Gin",
        code: "r.POST(\"/notify\", func(c *gin.Context) {
\tbody, err := c.GetRawData() // before any ShouldBind
\tif err != nil || !verify(c.Request.Header, body) {
\t\tc.Status(http.StatusUnauthorized)
\t\treturn
\t}
\t// for whoever reads it again, such as wechatpay-go's ParseNotifyRequest
\tc.Request.Body = io.NopCloser(bytes.NewReader(body))
\tc.Status(http.StatusNoContent)
})",
    },
    Snippet {
        framework: "net/http",
        code: "http.HandleFunc(\"/notify\", func(w http.ResponseWriter, r *http.Request) {
\tbody, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
\tif err != nil || !verify(r.Header, body) {
\t\tw.WriteHeader(http.StatusUnauthorized)
\t\treturn
\t}
\tr.Body = io.NopCloser(bytes.NewReader(body)) // for whoever reads it again
\tw.WriteHeader(http.StatusNoContent)
})",
    },
    Snippet {
        framework: "Laravel",
        code: "// routes/api.php: no CSRF check there
Route::post('/notify', function (Illuminate\\Http\\Request $request) {
    $body = $request->getContent(); // not $request->all(), not json_encode(...)
    if (! verify($request->headers->all(), $body)) {
        return response('', 401);
    }
    $notification = json_decode($body, true);
    return response()->noContent();
});",
    },
    Snippet {
        framework: "Flask",
        code: "@app.post(\"/notify\")
def notify():
    body = request.get_data()  # bytes, before request.json or request.form
    if not verify(request.headers, body):
        return \"\", 401
    notification = json.loads(body)
    return \"\", 204",
    },
    Snippet {
        framework: "FastAPI",
        code: "@app.post(\"/notify\")
async def notify(request: Request):
    body = await request.body()  # bytes; no model as a parameter
    if not verify(request.headers, body):
        return Response(status_code=401)
    notification = json.loads(body)
    return Response(status_code=204)",
    },
    Snippet {
        framework: "Django",
        code: "@csrf_exempt
@require_POST
def notify(request):
    body = request.body  # bytes, before request.POST
    if not verify(request.headers, body):
        return HttpResponse(status=401)
    notification = json.loads(body)
    return HttpResponse(status=204)",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_frameworks_have_code_of_their_own_and_only_for_bodies() {
        let names: std::collections::BTreeSet<&str> = RAW_BODY.iter().map(|snippet| snippet.framework).collect();
        assert_eq!(names.len(), 10);
        for snippet in RAW_BODY {
            assert!(snippet.code.contains("verify(") && snippet.code.contains("body"), "{}", snippet.framework);
        }
        assert_eq!(for_received(&[Cause::TimestampStale, Cause::BodyBom]).len(), 10);
        assert!(for_received(&[Cause::TimestampStale, Cause::SerialMismatch]).is_empty());
    }
}
